// Finds the end of a program in Lua between braces (`content_by_lua_block { … }` of OpenResty). Braces in strings and comments of
// Lua do not count. Nothing of the program is understood or kept.

/** @param start the offset behind the opening brace. @returns the offset of the closing brace, or undefined if there is none */
export function endOfLuaBlock(text: string, start: number): number | undefined {
  let depth = 1;
  let at = start;
  while (at < text.length) {
    const character = text[at];
    if (character === '{') depth++;
    if (character === '}' && --depth === 0) return at;
    at = afterToken(text, at, character);
  }
  return undefined;
}

function afterToken(text: string, at: number, character: string): number {
  if (character === '"' || character === "'") return afterString(text, at, character);
  if (character === '-' && text[at + 1] === '-') {
    const long = text[at + 2] === '[' ? afterLongBracket(text, at + 2) : undefined;
    return long ?? endOfLine(text, at);
  }
  if (character === '[') return afterLongBracket(text, at) ?? at + 1;
  return at + 1;
}

function afterString(text: string, at: number, quote: string): number {
  for (let next = at + 1; next < text.length; next++) {
    const character = text[next];
    if (character === '\\') next++;
    // A string without an end is a mistake of the program. It ends with its line, as Lua says.
    else if (character === quote || character === '\n') return next + 1;
  }
  return text.length;
}

/** `[[ … ]]`, `[=[ … ]=]` and so on. @returns undefined if there is none at `at` */
function afterLongBracket(text: string, at: number): number | undefined {
  let level = 0;
  while (text[at + 1 + level] === '=') level++;
  if (text[at + 1 + level] !== '[') return undefined;
  const close = `]${'='.repeat(level)}]`;
  const end = text.indexOf(close, at + level + 2);
  return end === -1 ? text.length : end + close.length;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}
