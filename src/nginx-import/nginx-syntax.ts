// Parses the text of one file of an nginx configuration into directives. The rules are those of nginx itself: where a word ends, what a
// backslash does, and that `#` begins a comment only where a word could begin. It knows no directives except blocks of Lua, and follows no
// include.

import type { Directive, ReadingFault } from './directive.ts';
import { endOfLuaBlock } from './lua-block.ts';

export type ParsedFile = { readonly directives: readonly Directive[] } | { readonly fault: ReadingFault };

/** More is no configuration that a person or a generator has written; what walks over blocks may rely on it. */
export const DEEPEST = 64;
/** Of all files together, since each include is read again. No file has more words than that either. */
export const MOST_DIRECTIVES = 1_000_000;

/** Directives that end by ';' alone. Where one has a block, that of the next directive was meant. */
const NEVER_BLOCK =
  /^(listen|server_name|root|alias|index|try_files|return|set|rewrite|include|http2|resolver|allow|deny|expires|error_page|user|pid|sendfile|default_type|add_header|(grpc|proxy|ssl|gzip|tcp|client|keepalive|worker|auth|fastcgi)_\w+|limit_(req|conn)\w*|\w+_(log|timeout))$/;
const BLOCK = /^(http|events|server|location|upstream|if|map|types|geo|limit_except)$/;

const LUA_BLOCK = /_by_lua_block$/;
/** What may follow the closing quotation mark of a word. */
const AFTER_QUOTES = /[ \t\r\n;{)]/;
const ESCAPED: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  t: '\t',
  r: '\r',
  n: '\n',
};

interface OpenBlock {
  readonly head: { readonly name: string; readonly words: readonly string[]; readonly line: number };
  readonly directives: Directive[];
}

/** @param firstLine the number of the text's first line in the file */
export function parseNginx(text: string, file: string, firstLine = 1): ParsedFile {
  return new Parser(text, file, firstLine).parse();
}

class SyntaxFault extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  readonly #top: Directive[] = [];
  readonly #open: OpenBlock[] = [];
  #at = 0;
  #line: number;
  /** The words of the directive that is being read, and the line of its first one. */
  #words: string[] = [];
  #firstWordLine = 1;
  #wordCount = 0;

  constructor(text: string, file: string, firstLine: number) {
    this.#text = text;
    this.#file = file;
    this.#line = firstLine;
  }

  parse(): ParsedFile {
    try {
      while (this.#skipBlank()) this.#takeNext();
      this.#checkEnd();
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error;
      return { fault: { file: this.#file, line: error.line, message: error.message } };
    }
    return { directives: this.#top };
  }

  /** Skips white space and comments. @returns false at the end of the text */
  #skipBlank(): boolean {
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '\n') this.#line++;
      else if (character === '#') this.#at = this.#endOfComment();
      else if (!isBlank(character)) return true;
    }
    return false;
  }

  /** @returns the offset of the last character of the comment, so that the loop above goes on with the line's end */
  #endOfComment(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return (end === -1 ? this.#text.length : end) - 1;
  }

  #takeNext(): void {
    switch (this.#text[this.#at]) {
      case ';':
        return this.#endDirective();
      case '{':
        return this.#openBlock();
      case '}':
        return this.#closeBlock();
      default:
        if (this.#words.length === 0) this.#firstWordLine = this.#line;
        if (++this.#wordCount > MOST_DIRECTIVES)
          throw new SyntaxFault(
            this.#line,
            'this file has more words than any configuration needs; reading ended',
          );
        this.#words.push(this.#takeWord());
    }
  }

  #endDirective(): void {
    this.#at++;
    const [name, ...words] = this.#takeWords("';' stands where a directive should begin");
    this.#add({ name, words, file: this.#file, line: this.#firstWordLine });
  }

  #openBlock(): void {
    this.#at++;
    const [name, ...words] = this.#takeWords("'{' stands where a directive should begin");
    const line = this.#firstWordLine;
    if (LUA_BLOCK.test(name)) {
      const end = endOfLuaBlock(this.#text, this.#at);
      if (end === undefined) throw new SyntaxFault(line, `the block of ${name} is never closed by '}'`);
      this.#line += countLines(this.#text, this.#at, end);
      this.#at = end + 1;
      this.#add({ name, words, file: this.#file, line, block: [], isProgram: true });
      return;
    }
    if (NEVER_BLOCK.test(name)) {
      const next = words.find((word) => BLOCK.test(word));
      const where = next === undefined ? "'{'" : `'${next}'`;
      throw new SyntaxFault(line, `${name} has no block: is a ';' missing before ${where}?`);
    }
    if (this.#open.length === DEEPEST) {
      throw new SyntaxFault(line, `blocks are nested more than ${DEEPEST} deep here`);
    }
    this.#open.push({ head: { name, words, line }, directives: [] });
  }

  #closeBlock(): void {
    this.#at++;
    if (this.#words.length > 0) {
      throw new SyntaxFault(this.#firstWordLine, "a ';' is missing behind this directive: a '}' follows");
    }
    const block = this.#open.pop();
    if (block === undefined) throw new SyntaxFault(this.#line, "'}' closes no block");
    this.#add({ ...block.head, file: this.#file, block: block.directives });
  }

  #takeWords(messageIfNone: string): readonly string[] {
    const words = this.#words;
    if (words.length === 0) throw new SyntaxFault(this.#line, messageIfNone);
    this.#words = [];
    return words;
  }

  #add(directive: Directive): void {
    (this.#open.at(-1)?.directives ?? this.#top).push(directive);
  }

  #takeWord(): string {
    const first = this.#text[this.#at];
    return first === '"' || first === "'" ? this.#takeQuoted(first) : this.#takePlain();
  }

  #takeQuoted(quote: string): string {
    const start = ++this.#at;
    const firstLine = this.#line;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '\n') this.#line++;
      else if (character === '\\') this.#skipEscaped();
      else if (character === quote) {
        const word = unescape(this.#text.slice(start, this.#at));
        const next = this.#text[++this.#at];
        if (next !== undefined && !AFTER_QUOTES.test(next)) {
          throw new SyntaxFault(this.#line, 'white space is missing behind the closing quotation mark');
        }
        return word;
      }
    }
    throw new SyntaxFault(firstLine, `the quotation mark ${quote} is never closed`);
  }

  #takePlain(): string {
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '\\') this.#skipEscaped();
      else if (character === ';' || isBlank(character)) break;
      // ${name} is a variable, and its brace no block.
      else if (character === '{' && this.#text[this.#at - 1] !== '$') break;
    }
    return unescape(this.#text.slice(start, this.#at));
  }

  /** From a backslash to the character that it escapes. */
  #skipEscaped(): void {
    this.#at++;
    if (this.#text[this.#at] === '\n') this.#line++;
  }

  #checkEnd(): void {
    if (this.#words.length > 0) {
      throw new SyntaxFault(this.#firstWordLine, "a ';' is missing behind this directive: the file ends");
    }
    const block = this.#open.at(-1);
    if (block !== undefined) {
      throw new SyntaxFault(
        block.head.line,
        `the block of ${shortened(block.head.name)} is never closed by '}'`,
      );
    }
  }
}

/** To nginx no other character is white space. */
function isBlank(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\n';
}

/** A backslash stays before characters that nginx knows no escape of, as regular expressions need it. */
function unescape(text: string): string {
  return text.includes('\\')
    ? text.replace(/\\(["'\\trn])/g, (_, character: string) => ESCAPED[character])
    : text;
}

function countLines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** A word where a name should be may be anything, if the file is something else. */
function shortened(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}
