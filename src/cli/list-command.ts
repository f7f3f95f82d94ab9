import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { examples, subcommand } from "./program.ts";

function depthOf(text: string): number {
  if (!/^\d{1,2}$/.test(text)) throw new InvalidArgumentError("It is a number of levels, from 0 to 99.");
  return Number(text);
}

/** `kapseli list`. */
export function addList(tool: Command): void {
  const list = subcommand(
    tool,
    "list",
    "List environments below directories, or those in TYKKY_PATH, with size, age, base and state.",
  )
    .argument("[dir...]", "where to look (default: the directories of TYKKY_PATH, as tykky activate)")
    .option("--depth <number>", "how many levels below each directory", depthOf, 3)
    .option("--json", "print them as JSON on stdout");
  examples(list, ["kapseli list", "kapseli list --depth 5 /projappl/project_1"]).action(
    async (given: string[], options: { depth: number; json?: boolean }) => {
      const { listBelow, listNamed } = await import("../build/list.ts");
      const { objectText } = await import("../report/objects.ts");
      const { listText } = await import("../report/look-text.ts");
      const cwd = process.cwd();
      const looked =
        given.length === 0
          ? await listNamed(process.env, cwd)
          : {
              ...(await listBelow(
                given.map((one) => resolve(cwd, one)),
                options.depth,
              )),
              directories: given,
            };
      const { directories, ...found } = looked;
      process.stdout.write(options.json ? objectText("list", found) : listText(found, new Date()));
      if (found.environments.length > 0 || options.json) return;
      const where = directories.length === 0 ? "TYKKY_PATH names no directory" : directories.join(", ");
      const hint = given.length === 0 ? "; kapseli list DIR looks below a directory" : "";
      process.stderr.write(`[ INFO ] no environment is there (${where})${hint}\n`);
    },
  );
}
