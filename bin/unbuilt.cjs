"use strict";

/** Says how the bundle is made in a checkout that has none yet. */
module.exports = (tool, error) => {
  if (error.code !== "ENOENT") throw error;
  process.stderr.write(
    `${tool}: this checkout is not built yet: run ./quickstart, or npm ci and npm run build\n`,
  );
  process.exit(1);
};
