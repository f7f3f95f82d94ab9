import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { kapseli } from "../../../src/cli/kapseli.ts";

const etc = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../../../etc/${path}`, import.meta.url)), "utf8");
const COMMANDS = kapseli()
  .commands.map((command) => command.name())
  .filter((name) => name !== "help")
  .sort();

it.each([
  ["completion/tykky.bash", /__tykky_complete_first (activate .*)/],
  ["completion/tykky.zsh", /commands=\((activate .*)\)/],
  ["profile.d/tykky.fish", /complete -c kapseli -n "\$first" -f -a '(.*)'/],
])("%s completes every command of kapseli", (file, pattern) => {
  const words = pattern.exec(etc(file).replace(/__tykky_complete_first activate deactivate\n/, ""))?.[1];
  const both = file.endsWith("fish") ? ["activate", "deactivate"] : [];
  expect([...both, ...(words?.split(" ") ?? [])].sort()).toEqual(COMMANDS);
});
