// Takes server-sent events apart, as the HTML standard defines them. EventSource does the same, but cannot send a token.
// Only `data` counts here: the feed uses no other field.

/** A message that is longer is not one of the proxy. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

export class EventStreamParser {
  #rest = '';
  #data: string[] = [];

  /**
   * @param text the next piece of the stream, which may end anywhere
   * @returns the data of the messages that it completes
   * @throws if a line or a message never ends
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
    } else if (line.startsWith('data:')) {
      this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
    }
    // Everything else is a comment, or a field that the feed does not use.
  }
}
