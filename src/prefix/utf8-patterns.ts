import { shellAssignments } from "./shell-data.ts";

/**
 * Bracket patterns over bytes with which the launcher finds text that is not UTF-8 without starting a process:
 * a text is invalid exactly when one of a fixed set of short byte sequences occurs in it (The Unicode Standard,
 * table 3-7 "Well-Formed UTF-8 Byte Sequences"). They are matched under LC_ALL=C, `notAscii` under any locale,
 * hence its members one by one instead of a range, which some shells order as the locale does.
 */
export function utf8Patterns(): Buffer {
  const ascii: string[] = [];
  for (let code = 1; code < 0x80; code++) ascii.push(String.fromCharCode(code));
  const plain = ascii.filter((character) => !"]\\-![^".includes(character)).join("");
  return Buffer.from(
    shellAssignments({
      __k_not_ascii: `[!]${plain}[!^\\\\-]`,
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
    }),
    "latin1",
  );
}
