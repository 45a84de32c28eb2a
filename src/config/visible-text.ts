// Text of others that is printed: what a terminal would interpret, or what would make a line read differently, becomes visible.

/** Control characters, invisible ones, overrides of direction and line breaks. */
export const HARMFUL_CHARACTERS = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Escapes these as `\u{1b}`. */
export function visibleText(text: string): string {
  return text.replace(HARMFUL_CHARACTERS, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
