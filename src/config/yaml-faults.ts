// Rewords the YAML parser's errors for the author of the file: how YAML reads the text, and what to write instead.
// The parser's own messages presume knowledge of its grammar.

import type { Fault } from './problem.ts';

/** An error of the parser and the line it is about. Columns count from 1. */
export interface SyntaxComplaint {
  readonly code: string;
  readonly message: string;
  readonly line: string;
  readonly column: number;
}

export interface SyntaxFault extends Fault {
  /** The column to point at, if it is not the one of the complaint. */
  readonly column?: number;
}

/** `{{ port }}` and `{% if %}`, as in Jinja, Helm and Ansible. */
const template = /\{\{|\{%/;
/** An unquoted IPv6 address, whose brackets YAML reads as a list. */
const bracketedAddress = /\[[0-9A-Fa-f:.%a-z]*\]:[0-9]+/;

export function describeSyntax(complaint: SyntaxComplaint): SyntaxFault {
  return byText(complaint) ?? byCode(complaint);
}

/** Words the fault of an alias without an anchor, which is usually a text that begins with a star. */
export function unquotedStar(text: string): Fault {
  const name = text.slice(1);
  if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) {
    const hint = `write &${name} at what it stands for, above this line; or quote it: "${text}"`;
    return { message: `'${text}' is an alias in YAML, and nothing before it has the anchor &${name}`, hint };
  }
  return {
    message: `'${text}' is an alias in YAML, as it begins with '*' and is not quoted`,
    hint: `quote it: "${text}"`,
  };
}

/** Looks for the cause in the whole line, which may be earlier than where the parser failed. */
function byText({ line, column }: SyntaxComplaint): SyntaxFault | undefined {
  const address = bracketedAddress.exec(line);
  if (address !== null && address.index < column) {
    return {
      column: address.index + 1,
      message: `'${address[0]}' is a list in YAML, and something behind it`,
      hint: `quote it: "${address[0]}"`,
    };
  }
  const found = template.exec(line);
  if (found === null) return undefined;
  return {
    column: found.index + 1,
    message: 'this is a template',
    hint: 'templates are not filled in here; give the file that comes out of them',
  };
}

function byCode({ code, message, line, column }: SyntaxComplaint): Fault {
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab is used as indentation', hint: 'YAML is indented with spaces' };
    case 'MULTIPLE_DOCS':
      return {
        message: 'the file holds more than one YAML document',
        hint: "remove the '---' and what follows",
      };
    case 'NON_STRING_KEY':
      return { message: 'a key must be text' };
    case 'TAG_RESOLVE_FAILED':
      return { message: 'tags are not supported', hint: "quote a text that begins with '!'" };
    case 'BAD_ALIAS':
    case 'BAD_SCALAR_START':
      return special(line.slice(column - 1));
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        message: 'a key begins where a value has begun already',
        hint: "write it on a line of its own, as far in as its neighbours; quote a value that holds ': '",
      };
    case 'BAD_INDENT':
      return /end with a [\]}]/.test(message) ? unclosed(message) : indentation;
    case 'MULTILINE_IMPLICIT_KEY':
      return indentation;
    case 'MISSING_CHAR':
      return missing(message);
    default:
      return { message: `not valid YAML: ${message}` };
  }
}

const indentation: Fault = {
  message: 'not valid YAML: this is further in or out than what it belongs to',
  hint: 'keys of one map begin in the same column, and so do the dashes of one list',
};

function unclosed(message: string): Fault {
  const closing = message.includes(']') ? ']' : '}';
  return {
    message: `a '${closing === ']' ? '[' : '{'}' before this is not closed`,
    hint: `write the '${closing}'`,
  };
}

function special(rest: string): Fault {
  const text = /^[^\s,\]}]*/.exec(rest)?.[0] ?? '';
  return {
    message: `'${text.slice(0, 1)}' has a meaning of its own at the beginning of a YAML value`,
    hint: `quote it: "${text}"`,
  };
}

function missing(message: string): Fault {
  const quote = /Missing closing (["'])/.exec(message)?.[1];
  if (quote !== undefined) return { message: `a quotation mark (${quote}) is opened and never closed` };
  if (message.includes('followed by map values')) {
    return { message: 'this key has no value', hint: "write a ':' and a space behind it" };
  }
  if (/Missing , /.test(message)) return { message: 'a comma is missing before this' };
  return /[\]}]$/.test(message) ? unclosed(message) : { message: `not valid YAML: ${message}` };
}
