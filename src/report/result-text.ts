import { durationText } from "./lines.ts";

/** What was made and how to use it. */
export function resultText(result: {
  root: string;
  bin: string;
  generation: number;
  commands: readonly string[];
  imageSize: number;
  seconds: number;
  manifest: { base: { source: string }; packages: readonly unknown[] };
}): string {
  const python = result.commands.includes("python3") ? "python3" : (result.commands[0] ?? "");
  const size = `${Math.max(1, Math.round(result.imageSize / 1e6))} MB`;
  return `[ INFO ] Done, duration: ${durationText(result.seconds)}
         ${result.commands.length} commands, ${result.manifest.packages.length} packages, image ${size}, base ${result.manifest.base.source}, generation ${result.generation}
         Installed in ${result.root}; start a program directly:
             ${result.bin}/${python}
         or put all of them on your PATH:
             export PATH="${result.bin}:$PATH"
`;
}
