import { durationText } from "./lines.ts";
import { counted } from "./table.ts";

/** Quotes a text as one word of a shell. */
type Quote = (text: string) => string;

/** A path as a word to type: quoted only where a shell would read it otherwise. */
function typed(path: string, quote: Quote): string {
  return /^[\w./+@%:,=-]+$/.test(path) ? path : quote(path);
}

/** The line that scripts look for; in double quotes as long as nothing in them is special. */
function exportLine(bin: string, quote: Quote): string {
  return /["$`\\]/.test(bin) ? `export PATH=${quote(bin)}:"$PATH"` : `export PATH="${bin}:$PATH"`;
}

/** What was made and how to use it. */
export function resultText(
  result: {
    root: string;
    bin: string;
    generation: number;
    commands: readonly string[];
    /** Bytes; 0: there is none. */
    imageSize: number;
    /** Generations before this one that are still there, with the bytes of their images. */
    older: { count: number; bytes: number };
    seconds: number;
    manifest: { base: { source: string }; packages: readonly unknown[] };
    /** Where the files are kept that were wrapped in place. */
    original?: string;
    /** What `tykky activate` takes, where there is that command. */
    activate?: string;
  },
  quote: Quote,
): string {
  const python = result.commands.includes("python3") ? "python3" : (result.commands[0] ?? "");
  const megabytes = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1e6))} MB`;
  const older =
    result.older.count > 1
      ? `\n         ${result.older.count} older generations are kept (${megabytes(result.older.bytes)}); each goes 14 days after it was replaced`
      : "";
  const count = result.manifest.packages.length;
  const packages = count === 0 ? "" : `${counted(count, "package")}, `;
  const image = result.imageSize === 0 ? "" : `image ${megabytes(result.imageSize)}, `;
  const programs =
    python === ""
      ? `Installed in ${result.root}`
      : `Installed in ${result.root}; start a program directly:
             ${typed(`${result.bin}/${python}`, quote)}
         or put all of them on your PATH:
             ${exportLine(result.bin, quote)}`;
  const activate =
    result.activate === undefined
      ? ""
      : `\n         To use it: tykky activate ${typed(result.activate, quote)}`;
  const original =
    result.original === undefined
      ? ""
      : `\n         The original is kept in ${result.original}: kapseli unwrap gives it back, kapseli discard-original removes it`;
  return `[ INFO ] Done, duration: ${durationText(result.seconds)}
         ${counted(result.commands.length, "command")}, ${packages}${image}base ${result.manifest.base.source}, generation ${result.generation}${older}${activate}
         ${programs}${original}
`;
}
