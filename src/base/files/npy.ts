// The header of NumPy's .npy (numpy.lib.format, version 1.0) of a matrix, always 128 bytes, so that it can be written again when the
// rows are counted.

const headerBytes = 128;

/** Little-endian numbers in C order: "<f4", "<u2", "<u4". */
export function formatNpyHeader(type: "<f4" | "<u2" | "<u4", rows: number, columns: number): Buffer {
  const described = `{'descr': '${type}', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const rest = headerBytes - 10;
  const header = Buffer.alloc(headerBytes);
  header.write("\u0093NUMPY\u0001\u0000", "latin1");
  header.writeUInt16LE(rest, 8);
  header.write(`${described.padEnd(rest - 1)}\n`, 10, "latin1");
  return header;
}
