import type { Command } from "commander";
import { addActivation } from "./activate-command.ts";
import { addBases } from "./bases-command.ts";
import { addClean } from "./clean-command.ts";
import { addConfigCommand } from "./config-command.ts";
import { addDiff } from "./diff-command.ts";
import { addDoctor } from "./doctor-command.ts";
import { addGenerations } from "./generations-command.ts";
import { addInfo } from "./info-command.ts";
import { addList } from "./list-command.ts";
import { addLock } from "./lock-command.ts";
import { addLog } from "./log-command.ts";
import { program } from "./program.ts";
import { addPrune } from "./prune-command.ts";
import { addRemove } from "./remove-command.ts";
import { addRollback } from "./rollback-command.ts";
import { addRun } from "./run-command.ts";
import { addSbom } from "./sbom-command.ts";
import { addShell } from "./shell-command.ts";
import { addVenv } from "./venv-command.ts";
import { addVerify } from "./verify-command.ts";
import { addWarm } from "./warm-command.ts";
import { addRelocate, addWrap } from "./wrap-command.ts";

/** The kapseli program: what is not one of Tykky's commands. */
export function kapseli(): Command {
  const tool = program("kapseli", "Look after environments made by conda-containerize and pip-containerize.");
  // So that what follows `run PREFIX` belongs to the command that is run.
  tool.enablePositionalOptions();
  addBases(tool);
  addActivation(tool);
  addConfigCommand(tool);
  addWrap(tool);
  addRelocate(tool);
  addRun(tool);
  addShell(tool);
  addWarm(tool);
  addVenv(tool);
  addList(tool);
  addInfo(tool);
  addLog(tool);
  addGenerations(tool);
  addRollback(tool);
  addDiff(tool);
  addPrune(tool);
  addRemove(tool);
  addVerify(tool);
  addLock(tool);
  addDoctor(tool);
  addClean(tool);
  addSbom(tool);
  return tool;
}
