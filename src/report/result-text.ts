import { durationText } from "./lines.ts";

/** What was made and how to use it. */
export function resultText(result: {
  root: string;
  bin: string;
  generation: number;
  commands: readonly string[];
  imageSize: number;
  /** Generations before this one that are still there, with the bytes of their images. */
  older: { count: number; bytes: number };
  seconds: number;
  manifest: { base: { source: string }; packages: readonly unknown[] };
  /** What `tykky activate` takes, where there is that command. */
  activate?: string;
}): string {
  const python = result.commands.includes("python3") ? "python3" : (result.commands[0] ?? "");
  const megabytes = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1e6))} MB`;
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
  const older =
    result.older.count > 1
      ? `\n         ${result.older.count} older generations are kept (${megabytes(result.older.bytes)}); each goes 14 days after it was replaced`
      : "";
  const programs =
    python === ""
      ? `Installed in ${result.root}`
      : `Installed in ${result.root}; start a program directly:
             ${result.bin}/${python}
         or put all of them on your PATH:
             export PATH="${result.bin}:$PATH"`;
  const activate =
    result.activate === undefined ? "" : `\n         To use it: tykky activate ${result.activate}`;
  return `[ INFO ] Done, duration: ${durationText(result.seconds)}
         ${counted(result.commands.length, "command")}, ${counted(result.manifest.packages.length, "package")}, image ${megabytes(result.imageSize)}, base ${result.manifest.base.source}, generation ${result.generation}${older}${activate}
         ${programs}
`;
}
