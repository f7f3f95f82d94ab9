/** A command as it is now: its hash, and how many bytes it has. */
export interface Command {
  sha256: Buffer;
  size: number;
}

/** A line of RECORD for a command of a venv: `../../../bin/NAME,sha256=HASH,SIZE`; names with commas are quoted. */
const LINE = /^("?)((?:\.\.\/){3}bin\/([^/"\r\n]+))\1,sha256=[\w-]+,\d+(?=\r?$)/gm;

/**
 * The text of an installed package's RECORD
 * (https://packaging.python.org/en/latest/specifications/recording-installed-packages/) with the hashes of commands that
 * were changed.
 *
 * @param commands by their names in bin
 * @returns undefined where it holds none of them.
 */
export function recordedAnew(text: string, commands: ReadonlyMap<string, Command>): string | undefined {
  const anew = text.replace(LINE, (line, quote: string, path: string, name: string) => {
    const command = commands.get(Buffer.from(name, "latin1").toString("utf8"));
    if (!command) return line;
    return `${quote}${path}${quote},sha256=${command.sha256.toString("base64url")},${command.size}`;
  });
  return anew === text ? undefined : anew;
}
