// Says why a socket failed, in words for a log line.

export function describeSocketError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNRESET':
      return 'the peer reset the connection';
    case 'EPIPE':
      return 'the peer closed the connection';
    case 'ETIMEDOUT':
      return 'the connection timed out';
    default:
      return `the connection failed (${error.code ?? error.message})`;
  }
}
