const MOST_CHARACTERS = 80;

/**
 * Text without what must stay secret: user and password of URLs, conda's `/t/TOKEN/`, and tokens in queries.
 * Sources: RFC 3986 (userinfo), https://docs.anaconda.com/anacondaorg/user-guide/work-with-accounts/ (`/t/TOKEN/`).
 */
export function withoutSecrets(text: string): string {
  return (
    text
      // One slash is what is left of two in a path that was put in order.
      .replace(/([a-z][a-z0-9+.-]{0,30}:\/\/?)[^/\s@]{1,2000}@/gi, "$1***@")
      .replace(/\/t\/[^/\s]{1,2000}(?=\/|$)/g, "/t/***")
      .replace(/([?&](?:[a-z_-]{0,40}token|password|key|secret|sig)=)[^&#\s]{1,2000}/gi, "$1***")
  );
}

/** Text that holds pieces of the user's file: on one line, without secrets and without what moves a terminal's cursor. */
export function printable(text: string): string {
  return (
    withoutSecrets(text)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ")
  );
}

/** The beginning of a text for the middle of a message; never a secret cut in two. */
export function begun(text: string, most: number): string {
  return withoutSecrets(text.slice(0, 4000)).slice(0, most);
}

/** A piece of the user's file as a message quotes it: on one line, cut to a readable length, without secrets. */
export function shown(text: string): string {
  const clean = printable(text.slice(0, 4000)).trim();
  return clean.length > MOST_CHARACTERS ? `\`${clean.slice(0, MOST_CHARACTERS)}…\`` : `\`${clean}\``;
}
