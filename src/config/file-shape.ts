import { isMap } from "yaml";
import { FindingsOfFile } from "../inputs/diagnostic.ts";
import { didYouMean } from "../inputs/did-you-mean.ts";
import { YamlFile } from "../inputs/yaml-document.ts";
import { isKeyName } from "./keys.ts";
import { SECTIONS } from "./origin.ts";

/** What a configuration file is for: a site, `advanced`, or `-y` of the wrap tools. */
export type FileShape = "site" | "advanced" | "yaml-option";

/**
 * What a configuration file is for, by its top-level keys. A site file has sections (also misspelt ones); a user's
 * has keys without sections, and says what is built (`mode`) where no command line does. A file that says nothing of
 * either is taken for a site file.
 *
 * @param isUser whoever asks knows that it is a user's
 */
export function shapeOf(text: string, isUser: boolean): FileShape {
  const findings = new FindingsOfFile("");
  const document = new YamlFile(text, findings);
  const keys = isMap(document.root) ? document.entries(document.root, findings).map(({ key }) => key) : [];
  const hasSections = keys.some((key) => !isKeyName(key) && didYouMean(key, SECTIONS) !== undefined);
  if (!isUser && (hasSections || keys.length === 0)) return "site";
  return keys.includes("mode") ? "advanced" : "yaml-option";
}
