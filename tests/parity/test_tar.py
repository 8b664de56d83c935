"""Tar shards: their members lie where Python's tarfile says, in every format; and no damage, made or by chance, is believed."""
import hashlib
import io
import os
import pathlib
import random
import subprocess
import tarfile
import tempfile

TOOL = subprocess.Popen([os.path.join(os.environ["DESY_BUILD_DIR"], "tests", "tool_shard")], encoding="utf-8", errors="surrogateescape", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
rng = random.Random(7)


def ask(*lines):
    """Each answer: a list of rows for a listing (the last one ends it), one row for a path that was asked for."""
    answers = []
    for line in lines:
        TOOL.stdin.write(f"{line}\n")
        TOOL.stdin.flush()
        rows = [TOOL.stdout.readline().rstrip("\n").split("\t")]
        while str(line)[0] != "?" and rows[-1][0] not in (".", "!"):
            rows.append(TOOL.stdout.readline().rstrip("\n").split("\t"))
            assert len(rows[-1]) > 1, "the tool has ended"
        answers.append(rows if str(line)[0] != "?" else rows[0])
    return answers


def add(tar, name, data, **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


def names_for(kind):
    long = "directory/" * 14 + "name.mp4"  # 148: fits the prefix of ustar, is long for GNU
    names = ["a.mp4", "sub/b.mp4", "with space # and + sign.mp4", long, "x" * 100, "y" * 99]
    return names + ([] if kind == "ustar" else ["z" * 300 + ".webm", "caf\u00e9/" * 40 + "\u6620\u753b.mp4"])


def write(path, kind):
    with tarfile.open(path, "w", format=FORMATS[kind]) as tar:
        for i, name in enumerate(names_for(kind)):
            add(tar, ("./" if i % 2 else "") + name, rng.randbytes([0, 1, 511, 512, 513, 5000, 100_000, 7][i]))
        add(tar, "folder", b"", type=tarfile.DIRTYPE)
        add(tar, "link.mp4", b"", type=tarfile.SYMTYPE, linkname="a.mp4")
        add(tar, "hard.mp4", b"", type=tarfile.LNKTYPE, linkname="a.mp4")
        add(tar, "sub/b.mp4", b"the second of this name", mtime=1700000000.25 if kind == "pax" else 5)


def members(path):
    with tarfile.open(path) as tar:
        strip = lambda name: name[2:] if name.startswith("./") else name
        return [[strip(m.name), str(m.offset_data), str(m.size), "" if m.isreg() else "a link"] for m in tar.getmembers() if not m.isdir()]


def check_formats(folder):
    for kind in FORMATS:
        path = folder / f"{kind}.tar"
        write(path, kind)
        rows, = ask(path)
        assert rows == [*members(path), [".", ""]], kind
        with tarfile.open(path) as tar:
            for name in ["sub/b.mp4", "./sub/b.mp4", "././sub/b.mp4"]:  # the last one of that name
                row, = ask(f"?{path}/{name}")
                assert row[3] == hashlib.sha256(b"the second of this name").hexdigest(), (name, row)
            for info in tar.getmembers():
                data = tar.extractfile(info).read() if info.isreg() else b""
                if data and info.name != "./sub/b.mp4":  # the first of that name is reached by its place alone
                    both = ask(f"?{path}/{info.name}", f"?{path}#{info.offset_data}+{info.size}")
                    assert both[0] == both[1] == [str(path), str(info.offset_data), str(info.size), hashlib.sha256(data).hexdigest()], (kind, both)
        assert ask(f"?{path}/link.mp4")[0][1].startswith("is a link")
        assert ask(f"?{path}/a.mp4")[0][1] == "is an empty file"
        assert ask(f"?{path}/nothing")[0][1] == "its shard has no such member"
    for kind in ("gnu", "posix", "ustar", "v7"):  # as another program writes them
        (folder / "in").mkdir(exist_ok=True)
        for name in ("a.mp4", "b.mp4"):
            (folder / "in" / name).write_bytes(rng.randbytes(700))
        path = folder / f"program-{kind}.tar"
        subprocess.run(["tar", f"--format={kind}", "-C", folder, "-cf", path, "./in"], check=True)
        assert ask(path)[0] == [*members(path), [".", ""]], kind


def check_large_sizes(folder):
    """Of a member above 8 GiB, in base 256 and by pax: sparse files, so that they take no space."""
    size = 9 << 30
    for kind in ("gnu", "pax"):
        path = folder / f"large-{kind}.tar"
        with open(path, "wb") as file:
            info = tarfile.TarInfo("large.mp4")
            info.size = size
            header = info.tobuf(FORMATS[kind])
            after = tarfile.TarInfo("after.mp4")
            file.write(header)
            file.seek(len(header) + size)
            file.write(after.tobuf() + bytes(1024))
        assert ask(path)[0] == [["large.mp4", str(len(header)), str(size), ""], ["after.mp4", str(len(header) + size + 512), "0", ""], [".", ""]], kind
        path.unlink()


def check_sparse(folder):
    with open(folder / "holes.mp4", "wb") as file:
        for i in range(40):
            file.seek(i * 1_000_000)
            file.write(b"data")
    (folder / "plain.mp4").write_bytes(b"plain")
    for how in (["--format=gnu"], ["--format=posix", "--sparse-version=1.0"], ["--format=posix", "--sparse-version=0.1"], ["--format=posix", "--sparse-version=0.0"]):
        path = folder / "sparse.tar"
        subprocess.run(["tar", *how, "-S", "-C", folder, "-cf", path, "holes.mp4", "plain.mp4"], check=True)
        rows = ask(path)[0]
        assert [(row[0], row[-1]) for row in rows] == [("holes.mp4", "a sparse file"), ("plain.mp4", ""), (".", "")], (how, rows)
        assert ask(f"?{path}/plain.mp4")[0][3] == hashlib.sha256(b"plain").hexdigest()
        assert ask(f"?{path}/holes.mp4")[0][1].startswith("is a sparse file")


def sealed(header):
    """The header with the checksum that it ought to have."""
    header = bytearray(header)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def one(name="a.mp4", data=b"data", kind="gnu", **more):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[kind]) as tar:
        add(tar, name, data, **more)
    return buffer.getvalue()


def check_damage(folder):
    path = folder / "bad.tar"

    def listed(data):
        path.write_bytes(data)
        return ask(path)[0]

    good = one()
    whole, = members_of(folder, good)
    field = lambda size: sealed(good[:124] + size + good[136:512]) + good[512:]
    record = lambda text: sealed(one(name="x", data=text)[:156] + b"x" + one(name="x", data=text)[157:512]) + text.ljust(512, b"\0") + good
    two = good[:1024] + good

    assert listed(b"")[0][1] == "is no tar: it is empty"
    assert listed(b"no tar at all" * 100)[0][1].startswith("is no tar: a damaged header")
    assert listed(good[:300])[0][1] == "is no tar: it ends in the middle of a header"
    assert listed(good[:1024]) == [whole, [".", "byte 1024: it ends without the mark of its end"]]
    assert listed(two[:1300]) == [whole, [".", "byte 1024: it ends in the middle of a header"]]
    assert listed(two[:1026 + 512]) == [whole, ["a.mp4", "1536", "4", ""], [".", ""]]  # cut in its data: it says so when it is read
    assert "is cut off" in ask(f"?{path}/a.mp4")[0][1]
    for at in (0, 100, 130, 150, 257, 400):
        assert listed(two[:1024 + at] + bytes([two[1024 + at] ^ 1]) + two[1025 + at:]) == [whole, [".", "byte 1024: a damaged header (its checksum is wrong)"]], at
    beyond = str(1 << 30)
    assert listed(field(b"%011o\0" % (1 << 30))) == [["a.mp4", "512", beyond, ""], [".", ""]]
    assert "is cut off" in ask(f"?{path}/a.mp4")[0][1]
    for size in (b"-0000000001\0", b"00000000009\0", b"\x80\0\0\0\x80" + bytes(7), b"\xff" * 12, b"\x80\0\0\0\x7f" + b"\xff" * 7):
        assert listed(field(size))[0][1] == "is no tar: a size that is none", size
    for text in (b"8 path=b\n", b"99999999999999999999 path=b\n", b"11 path", b"10 path=b", b"x path=b\n", b"3 =\n", b"-5 path=b\n", b"12 size=-99\n", b"11 size=1x\n",
                 b"29 size=99999999999999999999\n", b"12 path=a\0b\n", b"0 \n", b"1 ", b"2 \n"):
        assert listed(record(text))[-1][1].endswith("a damaged extended header"), text
    assert listed(record(b"10 path=b\n"))[0] == ["b", "1536", "4", ""]
    assert listed(record(b"10 path=b\n")[:1024])[0] == [".", "byte 1024: it ends without the mark of its end"]
    huge = sealed(field(b"%011o\0" % (1 << 29))[:156] + b"L" + good[157:512])
    assert listed(huge + good)[0][1] == "is no tar: a name or extended header that is too long"
    for name, magic in {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "xz": b"\xfd7zXZ\0", "bzip2": b"BZh9"}.items():
        assert listed(magic + rng.randbytes(2000))[0][1].startswith(f"is compressed by {name}")
    (folder / "packed.tar.gz").write_bytes(b"\x1f\x8b" + bytes(2000))
    assert "is compressed" in ask(f"?{folder}/packed.tar.gz/a.mp4")[0][1]
    assert "is compressed" in ask(f"?{folder}/packed.tar.gz#0+5")[0][1]


def members_of(folder, data):
    path = folder / "one.tar"
    path.write_bytes(data)
    return members(path)


def check_paths(folder):
    """A file wins; then the part; then the member of the longest prefix that is a shard."""
    data = one("inner.tar/a.mp4", b"outer's") + b""
    (folder / "s.tar").write_bytes(data)
    (folder / "s.tar#1+2").write_bytes(b"a file of that name")
    (folder / "d.tar").mkdir()
    (folder / "d.tar" / "a.mp4").write_bytes(b"in a directory")
    (folder / "d.tar" / "n.tar").write_bytes(one("a.tar#1+2", b"in a nested one"))
    sha = lambda text: hashlib.sha256(text).hexdigest()
    got = {name: ask(f"?{folder}/{name}")[0] for name in (
        "s.tar#1+2", "s.tar#512+7", "s.tar/inner.tar/a.mp4", "s.tar/./inner.tar/a.mp4", "d.tar/a.mp4", "d.tar/n.tar/a.tar#1+2", "s.tar#0+99999999", "s.tar#-1+5", "s.tar#1+0",
        "s.tar#99999999999999999999+1", "s.tar#1+2x", "s.tar#9223372036854775807+9223372036854775807", "none.tar/a", "none.tar#1+2", "s.tar/", "d.tar")}
    assert got["s.tar#1+2"][3] == sha(b"a file of that name")
    assert got["s.tar#512+7"][3] == got["s.tar/inner.tar/a.mp4"][3] == got["s.tar/./inner.tar/a.mp4"][3] == sha(b"outer's")
    assert got["d.tar/a.mp4"][3] == sha(b"in a directory")
    assert got["d.tar/n.tar/a.tar#1+2"][3] == sha(b"in a nested one")
    for name in ("s.tar#0+99999999", "s.tar#9223372036854775807+9223372036854775807"):
        assert "is cut off" in got[name][1], got[name]
    for name in ("s.tar#-1+5", "s.tar#99999999999999999999+1", "s.tar#1+2x"):
        assert got[name][0] == "!" and "OFFSET+BYTES" in got[name][1], got[name]
    assert got["s.tar#1+0"][1] == "is an empty file"
    assert got["none.tar/a"][1] == got["none.tar#1+2"][1] == "can't be opened: No such file or directory"
    assert got["s.tar/"][0] == "!" and got["d.tar"][1] == "is a directory"


def check_chance(folder):
    """Bytes that flip, blocks that go, checksums that are right all the same: whatever is listed lies in the file, but for one that was cut."""
    whole = (folder / "gnu.tar").read_bytes()[:9000] + (folder / "pax.tar").read_bytes()
    paths = []
    for i in range(400):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            at = 512 * rng.randrange(len(data) // 512 - 1)
            data[at + rng.choice([0, 99, 124, 125, 130, 135, 156, 257, 345, 482, 504])] = rng.choice([0, 0x20, 0x2f, 0x37, 0x4c, 0x53, 0x67, 0x78, 0x80, 0xff])
            data[at:at + 512] = sealed(data[at:at + 512])
        del data[rng.randrange(len(data)):]
        paths.append(folder / f"chance-{i}.tar")
        paths[-1].write_bytes(data)
    for path, rows in zip(paths, ask(*paths)):
        beyond = [row for row in rows[:-1] if int(row[1]) + int(row[2]) > path.stat().st_size]
        assert beyond in ([], [rows[-2]] if len(rows) > 1 else []), (path, rows)
        assert all(int(row[1]) >= 512 and int(row[2]) >= 0 for row in rows[:-1]), (path, rows)


with tempfile.TemporaryDirectory() as name:
    for check in (check_formats, check_large_sizes, check_sparse, check_damage, check_paths, check_chance):
        check(pathlib.Path(name))
TOOL.stdin.close()
assert TOOL.wait() == 0
