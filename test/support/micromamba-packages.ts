/**
 * Small conda packages named micromamba-2.8.1-0, with a shell script and 2 MB behind it (two bzip2 blocks, many zstd
 * blocks) in the place of the program. Made once, with Python and PyPI's `zstandard` (neither Node 20 nor Python's
 * library can write zstd), by this:
 *
 *   import base64, bz2, io, tarfile, zipfile, zstandard
 *   PROGRAM = b"#!/bin/sh\necho 2.8.1\nexit 0\n" + b"x" * 2_000_000
 *   def tar(*members):
 *       out = io.BytesIO()
 *       with tarfile.open(fileobj=out, mode="w") as archive:
 *           for name, data in members:
 *               entry = tarfile.TarInfo(name)
 *               if data is None: entry.type, entry.linkname = tarfile.SYMTYPE, "other"
 *               else: entry.size, entry.mode = len(data), 0o755
 *               archive.addfile(entry, io.BytesIO(data or b""))
 *       return out.getvalue()
 *   def conda(payload):
 *       out = io.BytesIO()
 *       zst = zstandard.ZstdCompressor(level=19)
 *       with zipfile.ZipFile(out, "w") as archive:
 *           for name, data in [("metadata.json", b'{"conda_pkg_format_version": 2}'),
 *                              ("info-micromamba-2.8.1-0.tar.zst", zst.compress(tar(("info/index.json", b"{}")))),
 *                              ("pkg-micromamba-2.8.1-0.tar.zst", zst.compress(payload))]:
 *               archive.writestr(zipfile.ZipInfo(name), data)
 *       return out.getvalue()
 *   index = ("info/index.json", b"{}")
 *   good = tar(index, ("bin/micromamba", PROGRAM), ("info/files", b"bin/micromamba\n"))
 *   empty = tar(index, ("bin/mamba", b"#!/bin/sh\n"))
 *   link = tar(index, ("bin/micromamba", None))
 *   for name, data in [("TAR_BZ2", bz2.compress(good)), ("CONDA", conda(tar(("bin/micromamba", PROGRAM)))),
 *                      ("TAR_BZ2_WITHOUT_PROGRAM", bz2.compress(empty)), ("CONDA_WITHOUT_PROGRAM", conda(empty)),
 *                      ("TAR_BZ2_WITH_LINK", bz2.compress(link))]:
 *       print(f"\nexport const {name} = bytes(\n  \"" + base64.b64encode(data).decode() + '",\n);')
 */
const bytes = (base64: string): Buffer => Buffer.from(base64, "base64");

/** What `bin/micromamba` in them holds. */
export const PROGRAM = `#!/bin/sh\necho 2.8.1\nexit 0\n${"x".repeat(2_000_000)}`;

export const TAR_BZ2 = bytes(
  "QlpoOTFBWSZTWV1gm84AAKd7gMuQAADoAf/AMQB/d55KCAgwANm2DSgaA0AAAGhpoA1NCAAAaAAAAIpRDQ0ABkAaaAMle7zlbYZ55QCyC+sQAtFFHtxkjAXKaNDjDAAEKZa6Zf11+/d1vPFNwvFLwZxCJ2QVjrVVKLPCF8CF+DaIFFkdoxAJSg9jax3AEuHBtAXgUYherThQqR4pczISp8dxEZEeksOYaBguwCQ6Eg7ZHErvnpPNtjkmINqgIiuqRBFVFNtukBlUBEV/i7kinChILrBN5wA=",
);

export const CONDA = bytes(
  "UEsDBBQAAAAAAAAAIQDguG2YHwAAAB8AAAANAAAAbWV0YWRhdGEuanNvbnsiY29uZGFfcGtnX2Zvcm1hdF92ZXJzaW9uIjogMn1QSwMEFAAAAAAAAAAhAA9S5mNOAAAATgAAAB8AAABpbmZvLW1pY3JvbWFtYmEtMi44LjEtMC50YXIuenN0KLUv/WAAJyUCABIDCxGg7ZDN7LvP9b/a4i/UVf1KAa7Uv9+JUNoHXlM+7pvcu+ZuDrIwE2pLONVWCSDQD/qFH3Pq/Ex7MIAHDAowMTEwUEsDBBQAAAAAAAAAIQBQhZShsQAAALEAAAAeAAAAcGtnLW1pY3JvbWFtYmEtMi44LjEtMC50YXIuenN0KLUv/aAAoB4A9AIAAkQOEZB9ABRmL6mqm/6QAiTNQ/QUG3zIc0dgSCMnWAkjkLiI4ddlrP2Ds6XeJHTOK8Xe3aOO2gsnLXW+DQDA+91sBgQ7c6BAHoACcOmAgpdWdwIBGEALXmAAcMkE6gIAEHgCABB4AgAQeAIAEHgCABB4AgAQeAIAEHgCABB4AgAQeAIAEHgCABB4AgAQeAIAEHgCABB4ZQAACAACAGDp9pJp0AEQUEsBAhQDFAAAAAAAAAAhAOC4bZgfAAAAHwAAAA0AAAAAAAAAAAAAAIABAAAAAG1ldGFkYXRhLmpzb25QSwECFAMUAAAAAAAAACEAD1LmY04AAABOAAAAHwAAAAAAAAAAAAAAgAFKAAAAaW5mby1taWNyb21hbWJhLTIuOC4xLTAudGFyLnpzdFBLAQIUAxQAAAAAAAAAIQBQhZShsQAAALEAAAAeAAAAAAAAAAAAAACAAdUAAABwa2ctbWljcm9tYW1iYS0yLjguMS0wLnRhci56c3RQSwUGAAAAAAMAAwDUAAAAwgEAAAAA",
);

export const TAR_BZ2_WITHOUT_PROGRAM = bytes(
  "QlpoOTFBWSZTWbQgba8AAJJ7gMuQBABoAfOAIIB3c55KCAggAHQSipvUmQyNA9TDQnqMyBKRANAAAAAPtbZQaQAg9W6iIIT08ChgVEgweEEFAaLTztL3p4HHIEpFBB75hDuyrY6b49hUnetAmWkRbs7ILGgb7DhB2oa0sTxkMRJZ7ehEDcXckU4UJC0IG2vA",
);

export const CONDA_WITHOUT_PROGRAM = bytes(
  "UEsDBBQAAAAAAAAAIQDguG2YHwAAAB8AAAANAAAAbWV0YWRhdGEuanNvbnsiY29uZGFfcGtnX2Zvcm1hdF92ZXJzaW9uIjogMn1QSwMEFAAAAAAAAAAhAA9S5mNOAAAATgAAAB8AAABpbmZvLW1pY3JvbWFtYmEtMi44LjEtMC50YXIuenN0KLUv/WAAJyUCABIDCxGg7ZDN7LvP9b/a4i/UVf1KAa7Uv9+JUNoHXlM+7pvcu+ZuDrIwE2pLONVWCSDQD/qFH3Pq/Ex7MIAHDAowMTEwUEsDBBQAAAAAAAAAIQCuVs+tcQAAAHEAAAAeAAAAcGtnLW1pY3JvbWFtYmEtMi44LjEtMC50YXIuenN0KLUv/WAAJz0DALIEEBGQfUNAoU7VuLs/wewkWFWVFCDiUmUrYpyTljnPGmW0VNm+8zfmL8tY/5vwaSlzzJtH5lNa5qvFk+znqiwWVhkPINDXN/3fg3kVjakaHf8Ak70gfXXMqfMz7cEBPGBQgImJgQFQSwECFAMUAAAAAAAAACEA4LhtmB8AAAAfAAAADQAAAAAAAAAAAAAAgAEAAAAAbWV0YWRhdGEuanNvblBLAQIUAxQAAAAAAAAAIQAPUuZjTgAAAE4AAAAfAAAAAAAAAAAAAACAAUoAAABpbmZvLW1pY3JvbWFtYmEtMi44LjEtMC50YXIuenN0UEsBAhQDFAAAAAAAAAAhAK5Wz61xAAAAcQAAAB4AAAAAAAAAAAAAAIAB1QAAAHBrZy1taWNyb21hbWJhLTIuOC4xLTAudGFyLnpzdFBLBQYAAAAAAwADANQAAACCAQAAAAA=",
);

export const TAR_BZ2_WITH_LINK = bytes(
  "QlpoOTFBWSZTWSmSIscAAI97gMmAAQBAAfeAMAh/c55KCAggAHIak0PU0AAAeoGamgkko8p6JpjRNPUaBp6ho/eMtLDaIBtXQSQiV0B0qwlwVZEQhgGX2lsngnjAic9gHJi56bHdbCd7QjF7kZ0+DZUvposikPg8jiXOr03G1ga5AQmRGPfqFKA/F3JFOFCQKZIixw==",
);
