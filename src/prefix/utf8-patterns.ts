import utf8Template from "../templates/utf8.sh";
import { shellAssignments } from "./shell-data.ts";

/**
 * The shell function `__k_check_utf8` and the bracket patterns over bytes that it matches (The Unicode Standard,
 * table 3-7 "Well-Formed UTF-8 Byte Sequences"). Bytes, because the patterns are not UTF-8 themselves.
 */
export function utf8Check(): Buffer {
  const patterns = shellAssignments({
    __k_not_ascii: "[\x80-\xff]",
    __k_ascii: "[\x01-\x7f]",
    __k_cont: "[\x80-\xbf]",
    __k_not_cont: "[!\x80-\xbf]",
    __k_lead2: "[\xc2-\xdf]",
    __k_lead3: "[\xe0-\xef]",
    __k_lead4: "[\xf0-\xf4]",
    __k_never: "[\xc0\xc1\xf5-\xff]",
    __k_overlong3: "\xe0[\x80-\x9f]",
    __k_surrogate: "\xed[\xa0-\xbf]",
    __k_overlong4: "\xf0[\x80-\x8f]",
    __k_beyond: "\xf4[\x90-\xbf]",
  });
  return Buffer.concat([Buffer.from(patterns, "latin1"), Buffer.from(utf8Template, "utf8")]);
}
