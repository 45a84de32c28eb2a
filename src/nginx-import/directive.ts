// The elements of an nginx configuration: directives, each with its words, its block, and the place where it was written.

import { visibleText } from '../config/visible-text.ts';

export interface Place {
  /** As the report names it: the file as it was given, or as it was included. */
  readonly file: string;
  readonly line: number;
}

export interface Directive extends Place {
  readonly name: string;
  /** The words behind the name, without quotation marks and escapes. */
  readonly words: readonly string[];
  /** The directives of its block, those of included files among them behind their `include`. Undefined without a block. */
  readonly block?: readonly Directive[];
  /** Of an `include`: whether its file is not there, and nobody needs it. */
  readonly isMissing?: boolean;
  /** Whether the block is a program in Lua, which is not read. `block` is then empty. */
  readonly isProgram?: boolean;
}

/** What keeps a configuration from being read. A person can fix it. */
export interface ReadingFault extends Place {
  readonly message: string;
}

export function placeText({ file, line }: Place): string {
  return visibleText(`${file}:${line}`);
}

/** All of them, blocks before what they hold, in the order of the text. */
export function* allDirectives(directives: readonly Directive[]): Generator<Directive> {
  // A stack instead of recursion: the caller's blocks may be nested deeply.
  const waiting = [...directives].toReversed();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    for (const inner of (next.block ?? []).toReversed()) waiting.push(inner);
  }
}
