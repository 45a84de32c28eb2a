// Whether bytes in a string, one character each, are UTF-8. Kestrel ends the connection over a field value that is not, with
// the calls of all other clients; hyper refuses such a path.

const decoder = new TextDecoder('utf-8', { fatal: true });

export function isUtf8(text: string): boolean {
  try {
    decoder.decode(Buffer.from(text, 'latin1'));
    return true;
  } catch {
    return false;
  }
}
