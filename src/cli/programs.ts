import type { Command } from "commander";
import { condaContainerize } from "./conda-containerize.ts";
import { kapseli } from "./kapseli.ts";
import { pipContainerize } from "./pip-containerize.ts";
import { wrapContainer } from "./wrap-container.ts";
import { wrapInstall } from "./wrap-install.ts";

/** Every program by the name it is started with. */
export const PROGRAMS: Readonly<Record<string, () => Command>> = {
  "conda-containerize": () => condaContainerize(),
  "pip-containerize": () => pipContainerize(),
  "wrap-container": () => wrapContainer(),
  "wrap-install": () => wrapInstall(),
  kapseli: () => kapseli(),
};
