// Reads JSON that any program may have written. What is nested deeply would fill the stack of the code that goes through it or writes it
// again.

/** No answer of an admin server is nested deeper. */
const DEEPEST = 100;

/** Throws a SyntaxError if it is no JSON, or nested more than a hundred deep. */
export function parseShallowJson(text: string): unknown {
  if (isDeep(text)) throw new SyntaxError(`JSON that is nested more than ${DEEPEST} deep`);
  return JSON.parse(text);
}

/** @returns whether brackets outside of strings are nested deeper than that */
function isDeep(text: string): boolean {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isString) {
      if (character === '\\') at++;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '[' || character === '{') {
      if (++depth > DEEPEST) return true;
    } else if (character === ']' || character === '}') depth--;
  }
  return false;
}
