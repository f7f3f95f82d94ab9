import { MANIFEST_SCHEMA, type Manifest } from "../../src/prefix/manifest.ts";

/** What the second generation of a conda environment at `root` records of itself, but for `changes`. */
export function manifestFor(root: string, changes: Partial<Manifest> = {}): Manifest {
  return {
    schema: MANIFEST_SCHEMA,
    kapseli: "0.1.0",
    id: "id",
    tool: "conda",
    location: { mount: root, environment: root, view: false },
    options: {
      uv: false,
      systemSitePackages: false,
      nocache: false,
      wrapperPaths: [],
      extra: [],
      libraries: [],
      isolated: false,
    },
    wrapperLinks: [],
    generation: 2,
    root,
    linkedBin: false,
    architecture: "x86_64",
    created: "2026-01-01T00:00:00.000Z",
    seconds: {},
    inputs: [],
    config: {},
    engine: { name: "rattler", why: "" },
    packages: [],
    base: { kind: "host", source: "host", shared: false },
    runtime: {
      path: "/usr/bin/apptainer",
      family: "apptainer",
      version: "1.4.5",
      flags: [],
      way: "image",
      skeleton: "directory",
    },
    image: { compression: "zstd", sha256: "00", size: 1, entries: 1 },
    commands: [],
    environment: [],
    ...changes,
  };
}
