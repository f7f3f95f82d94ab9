import install from "../templates/rattler_install.py";
import report from "../templates/rattler_report.py";
import room from "../templates/rattler_room.py";

/** The driver of rattler and its parts by their names, which are to be in one directory. */
export const RATTLER_SCRIPTS: Readonly<Record<string, string>> = {
  "rattler_install.py": install,
  "rattler_report.py": report,
  "rattler_room.py": room,
};
