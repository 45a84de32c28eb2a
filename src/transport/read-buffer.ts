// The read buffer shared by all sockets that can be given one: a read is processed before the next read happens. With a buffer
// for each read, as Node's sockets allocate them, garbage collection was a third of the cost of large messages.

/** The size of libuv's reads. */
export const READ_BUFFER: Buffer = Buffer.allocUnsafeSlow(65_536);
