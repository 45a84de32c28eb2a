// All sockets that can be told where to put what they read put it here: it is dealt with before the next read. A buffer for
// each read, as Node's sockets make by themselves, made garbage collection a third of the cost of large messages.

/** As much as libuv reads at once. */
export const READ_BUFFER: Buffer = Buffer.allocUnsafeSlow(65_536);
