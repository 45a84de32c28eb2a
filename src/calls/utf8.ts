// Checks whether a string of bytes, one character each, is valid UTF-8. Kestrel closes the whole connection, with the calls of other clients,
// if a field value is not. hyper refuses such a path.

const decoder = new TextDecoder('utf-8', { fatal: true });

export function isUtf8(text: string): boolean {
  try {
    decoder.decode(Buffer.from(text, 'latin1'));
    return true;
  } catch {
    return false;
  }
}
