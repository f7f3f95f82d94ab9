import { ExitCode, KapseliError } from "../errors.ts";

/**
 * The base of `pip-containerize --slim`: the configured image, with the tag that a version of Python asks for. `3.12`
 * means the tag `3.12-slim`; a text with `-slim` in it is a tag itself (tykky-surface.md §1.3). Pure.
 *
 * @param source the value of `slim_container_src`
 * @param pyver the value of `--pyver`
 * @throws {KapseliError} `usage` when the version is no tag, `badInput` when the image can have none.
 */
export function slimContainer(source: string, pyver: string | undefined): string {
  if (pyver === undefined) return source;
  const tag = pyver.includes("-slim") ? pyver : `${pyver}-slim`;
  // The grammar of tags: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (pulling manifests).
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag)) {
    throw new KapseliError(
      ExitCode.usage,
      `--pyver ${pyver}: expected a version such as 3.12, or a tag of the image`,
    );
  }
  const image = /^((?:docker|oras|library):\/\/(?:[^/]*\/)*[^/:@]+)(?::[^/@]*)?(?:@[^/]*)?$/.exec(
    source,
  )?.[1];
  if (image === undefined) {
    throw new KapseliError(
      ExitCode.badInput,
      `--pyver cannot choose a version of ${source}, which has no tags`,
      {
        hint: "Leave out --pyver, or set slim_container_src to an image of a registry, such as docker://python:slim.",
      },
    );
  }
  return `${image}:${tag}`;
}
