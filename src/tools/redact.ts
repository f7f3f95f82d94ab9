/** What stands in the place of a secret. */
const HIDDEN = "***";

/**
 * What ends a URL in running text. A double quote is among them because it is never raw in a URL and
 * ends it in JSON.
 */
const PATTERNS: readonly [RegExp, string][] = [
  // user:password@, and a token alone before the @. A bare user of ssh (git+ssh://git@host) is no secret.
  [/(?<!ssh)(:\/\/)[^\s/?#"<>]+@/gi, `$1${HIDDEN}@`],
  [/(?<=ssh)(:\/\/)[^\s/?#"<>:@]*:[^\s/?#"<>]*@/gi, `$1${HIDDEN}@`],
  // Anaconda tokens, where conda looks for them: /t/TOKEN anywhere in the path of a URL
  // (conda.common.url.split_anaconda_token), and without a scheme when it has the form of one (tk-<uuid>).
  [/(?<!file)(:\/\/[^\s"<>?#]*?\/t\/)[^\s"<>?#/]+/gi, `$1${HIDDEN}`],
  [/(\/t\/)[a-z]{2}-[0-9a-f-]{8,}/gi, `$1${HIDDEN}`],
  // Query parameters: tokens, keys, and what signed storage URLs carry (S3, GCS, Azure).
  [
    /([?&;][\w.-]{0,40}(?:token|secret|passw(?:or)?d|signature|credential|api[_-]?key|auth)[\w.-]{0,40}=)[^\s"<>&#]+/gi,
    `$1${HIDDEN}`,
  ],
  [/([?&;](?:sig|key|pwd|pass)=)[^\s"<>&#]+/gi, `$1${HIDDEN}`],
  // Headers, as curl -v and debug logs show them.
  [/(authorization["']?\s*[:=]\s*["']?(?:basic|bearer|token|negotiate)?\s*)[^\s"',]+/gi, `$1${HIDDEN}`],
];

const asPattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Names of variables that hold a secret. */
const SECRET_NAME =
  /(?:TOKEN|SECRET|PASSW(?:OR)?D|PASSPHRASE|API_?KEY|(?:ACCESS|PRIVATE|AUTH)_?KEY|CREDENTIALS?|_PAT|_PASS|_PW)$/i;
/** Shorter ones are parts of what any text may hold. */
const SHORTEST_SECRET = 4;
/** Up to here a secret is hidden as a whole word alone: what is this short is part of many other words. */
const LONGEST_WORD = 7;
/** What switches something rather than opens it, and numbers as ports, years and counts are. */
const NO_SECRET =
  /^(?:true|false|none|null|auto|default|enabled?|disable|unset|empty|token|secret|keyring|basic|bearer|oauth|[0-9]{1,4})$/i;

/**
 * The secrets in an environment: values of variables that are called like one, and passwords in addresses (a proxy, an
 * index). A value that is a path names a file, and is none; so are words as `true` and `none`, numbers of up to four
 * digits, and what has fewer than four characters. Pure.
 */
export function secretValues(environment: Readonly<Record<string, string>>): string[] {
  const found = Object.entries(environment).flatMap(([name, value]) => {
    if (SECRET_NAME.test(name)) return value.startsWith("/") ? [] : value.split(/\r?\n/);
    const password = /:\/\/[^\s/?#@:]*:([^\s/?#]+)@/.exec(value)?.[1];
    return password === undefined ? [] : [password, decoded(password)];
  });
  return [...new Set(found.filter((value) => value.length >= SHORTEST_SECRET && !NO_SECRET.test(value)))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A short form is not taken out of a longer word; what is percent-encoded before it (`%3A`) is none. */
function formPattern(form: string): string {
  const text = asPattern(form);
  return form.length > LONGEST_WORD ? text : `(?:(?<!\\w)|(?<=%[0-9A-Fa-f]{2}))${text}(?!\\w)`;
}

/** What replaces these values in a text, as they are and percent-encoded. Pure. */
export function hiderOf(secrets: readonly string[]): (text: string) => string {
  // The longest first, so that no secret survives in part because a shorter one was inside it.
  const forms = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))]
    .filter((form) => form !== "" && form !== HIDDEN)
    .sort((a, b) => b.length - a.length);
  if (forms.length === 0) return (text) => text;
  const pattern = new RegExp(forms.map(formPattern).join("|"), "g");
  return (text) => text.replace(pattern, HIDDEN);
}

/**
 * The text with every secret in it replaced by `***`: credentials in URLs, Anaconda's `/t/TOKEN/`, query
 * parameters that hold a token, a key or a signature, authorization headers, and the values in `secrets`,
 * as they are and percent-encoded. Pure; giving its result back to it changes nothing. Everything that goes to
 * a terminal, a log or a manifest and may hold a URL passes through here.
 */
export function redactSecrets(text: string, secrets: readonly string[] = []): string {
  const known = hiderOf(secrets)(text);
  return PATTERNS.reduce((done, [pattern, replacement]) => done.replace(pattern, replacement), known);
}

/**
 * The text with the credentials in its URLs taken out (`user:password@`, `/t/TOKEN`), so that the URLs still lead to
 * the same place for whoever may go there. Pure.
 */
export function withoutCredentials(text: string): string {
  return text
    .replace(/(?<!ssh)(:\/\/)[^\s/?#"<>]+@/gi, "$1")
    .replace(/(?<!file)(:\/\/[^\s"<>?#]*?)\/t\/[^\s"<>?#/]+/gi, "$1");
}

/** A value made of lists, mappings and texts, with `hide` done to every text in it; names stay. Pure. */
export function redactTexts(value: unknown, hide: (text: string) => string = redactSecrets): unknown {
  if (typeof value === "string") return hide(value);
  if (Array.isArray(value)) return value.map((one) => redactTexts(one, hide));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, redactTexts(inside, hide)]));
}
