// Text of others that is printed: what a terminal would interpret, or what would make a line read differently, becomes visible.

/** Control characters, invisible ones, overrides of direction, line breaks, and what looks like the space but is another character. */
export const HARMFUL_CHARACTERS = /[\p{Cc}\p{Cf}\p{Cs}[\p{Z}--\x20]]/gv;

/** Escapes these as `\u{1b}`. */
export function visibleText(text: string): string {
  return text.replace(HARMFUL_CHARACTERS, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
