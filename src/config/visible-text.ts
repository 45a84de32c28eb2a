// Text of others that is printed: what a terminal would interpret, or what would make a line read differently, becomes visible.

/** Escapes control characters, invisible ones, overrides of direction and line breaks as `\u{1b}`. */
export function visibleText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
