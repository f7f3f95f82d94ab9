import { ComponentType, ExternalReferenceType, HashAlgorithm } from "@cyclonedx/cyclonedx-library/Enums";
import {
  Bom,
  Component,
  ExternalReference,
  HashDictionary,
  Metadata,
} from "@cyclonedx/cyclonedx-library/Models";
import { JSON as Json, JsonSerializer } from "@cyclonedx/cyclonedx-library/Serialize";
import { Spec1dot6 } from "@cyclonedx/cyclonedx-library/Spec";
import { type LockedPackage, lockedPackages, normalName } from "./environment-lock.ts";
import type { Manifest } from "./manifest.ts";

/** A part of a package URL, percent-encoded (https://github.com/package-url/purl-spec, "Rules for each purl component"). */
const encoded = (text: string): string => encodeURIComponent(text).replaceAll("%3A", ":");

/** conda's own channels are known by their names; others by their address. */
function channelName(address: string): string {
  return /^https?:\/\/conda\.anaconda\.org\/(.+)$/.exec(address)?.[1] ?? address;
}

/**
 * The package URL of an installed package. Source of the types: purl-spec, `conda` (qualifiers build, channel, subdir, type)
 * and `pypi`.
 */
export function packageUrl(
  { name, version, source }: Manifest["packages"][number],
  locked: LockedPackage | undefined,
): string {
  const qualifiers: [string, string | undefined][] =
    source === "conda"
      ? [
          ["build", locked?.build],
          ["channel", locked?.channel === undefined ? undefined : channelName(locked.channel)],
          ["subdir", locked?.subdir],
          ["type", /\.(conda|tar\.bz2)$/.exec(locked?.url ?? "")?.[1]],
        ]
      : [[/^(?:git|hg|svn|bzr)\+/.test(locked?.url ?? "") ? "vcs_url" : "download_url", locked?.url]];
  const known = qualifiers.filter((pair): pair is [string, string] => pair[1] !== undefined);
  const query = known.map(([key, value]) => `${key}=${encoded(value)}`).join("&");
  const called = source === "pip" ? `pypi/${encoded(normalName(name))}` : `conda/${encoded(name)}`;
  return `pkg:${called}@${encoded(version)}${query === "" ? "" : `?${query}`}`;
}

function component(one: Manifest["packages"][number], locked: LockedPackage | undefined): Component {
  const purl = packageUrl(one, locked);
  const made = new Component(ComponentType.Library, one.name, { version: one.version, purl, bomRef: purl });
  const { hash, url } = locked ?? {};
  if (hash) {
    const algorithm = hash.algorithm === "md5" ? HashAlgorithm.MD5 : HashAlgorithm["SHA-256"];
    made.hashes = new HashDictionary([[algorithm, hash.value]]);
  }
  if (url) made.externalReferences.add(new ExternalReference(url, ExternalReferenceType.Distribution));
  return made;
}

/**
 * A bill of materials of one generation: CycloneDX 1.6, as JSON (https://cyclonedx.org/docs/1.6/json/). The same generation
 * gives the same text but for the time: its serial number is the generation's own. Pure.
 *
 * @param lock the text of its environment.lock
 * @param name what the environment is called
 */
export function sbomText(manifest: Manifest, lock: string, name: string, time: Date): string {
  const byName = new Map(
    lockedPackages(lock).map((one) => [`${one.source} ${normalName(one.name)}`, one] as const),
  );
  const bom = new Bom({
    metadata: new Metadata({
      timestamp: time,
      component: new Component(ComponentType.Application, name, {
        version: String(manifest.generation),
        bomRef: `${name}@${manifest.id}`,
      }),
    }),
  });
  bom.metadata.tools.components.add(
    new Component(ComponentType.Application, "kapseli", { version: manifest.kapseli }),
  );
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(manifest.id))
    bom.serialNumber = `urn:uuid:${manifest.id}`;
  for (const one of manifest.packages) {
    bom.components.add(component(one, byName.get(`${one.source} ${normalName(one.name)}`)));
  }
  const serializer = new JsonSerializer(new Json.Normalize.Factory(Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}
