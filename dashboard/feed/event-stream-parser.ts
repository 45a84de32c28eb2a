// Takes server-sent events apart, as the HTML standard defines them. EventSource does the same, but cannot send a token.
// Only `data` counts here: the feed uses no other field.

/** A message that is longer is not one of the proxy. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

export class EventStreamParser {
  #rest = '';
  #data: string[] = [];
  /** The length of all of `#data`. */
  #dataCharacters = 0;

  /**
   * @param text the next piece of the stream, which may end anywhere
   * @returns the data of the messages that it completes
   * @throws if a line or a message never ends. The parser is of no use then
   */
  push(text: string): readonly string[] {
    const messages: string[] = [];
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line.endsWith('\r') ? line.slice(0, -1) : line, messages);
    if (this.#rest.length > MOST_CHARACTERS) throw new Error('the proxy sends a line that does not end');
    return messages;
  }

  #takeLine(line: string, messages: string[]): void {
    if (line === '') {
      if (this.#data.length > 0) messages.push(this.#data.join('\n'));
      this.#data = [];
      this.#dataCharacters = 0;
    } else if (line.startsWith('data:')) {
      // The name of the field counts as well, so that the number of empty lines is bounded.
      this.#dataCharacters += line.length;
      if (this.#dataCharacters > MOST_CHARACTERS)
        throw new Error('the proxy sends a message that does not end');
      this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
    }
    // Everything else is a comment, or a field that the feed does not use.
  }
}
