"""Files that want to be videos: damaged ones, ones that lead elsewhere, ones that claim too much. Made in seconds, the same each time."""
import os
import random
import struct
import subprocess
import zlib

X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "12"]
INTACT = {  # 60 frames each; sizes that make luma planes of whole rows
    "start.mp4": [*X264, "-movflags", "+faststart"],
    "end.mp4": X264,
    "clip.mkv": X264,
    "clip.ts": X264,
    "clip.avi": ["-c:v", "mpeg4", "-q:v", "4", "-bf", "2", "-g", "12"],
    "clip.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-g", "12", "-pix_fmt", "yuv420p"],
}
SIZE, FRAMES = (160, 120), 60


def ffmpeg(*arguments):
    return subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, stdout=subprocess.PIPE).stdout


def make_intact(folder):
    for name, how in INTACT.items():
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={SIZE[0]}x{SIZE[1]}:r=25", "-frames:v", FRAMES, *how, "-fflags", "+bitexact", "-flags", "+bitexact", folder / name)


def make_truncated(folder):
    """At every tenth of the file. {name: intact name}"""
    made = {}
    for name in INTACT:
        data = (folder / name).read_bytes()
        for tenth in range(1, 10):
            made[f"cut{tenth}-{name}"] = name
            (folder / f"cut{tenth}-{name}").write_bytes(data[:len(data) * tenth // 10])
    return made


def make_flipped(folder, seeds=(1, 2, 3, 4)):
    """A few bits, many bits, and a hole of zeros, at places drawn by seed. {name: intact name}"""
    made = {}
    for name in INTACT:
        for seed in seeds:
            data, draw = bytearray((folder / name).read_bytes()), random.Random(f"{name} {seed}")
            for _ in range((1, 5, 50)[seed % 3]):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            if seed % 3 == 0:
                at = draw.randrange(len(data) - 512)
                data[at:at + 512] = bytes(512)
            made[f"flip{seed}-{name}"] = name
            (folder / f"flip{seed}-{name}").write_bytes(data)
    return made


def box(kind, *contents):
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data):
    """[(kind, contents)] of a run of MP4 boxes."""
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8:at + size]))
        at += size
    return found


def map_boxes(data, path, change):
    """The boxes of `data`, with the contents of those at `path` changed."""
    made = []
    for kind, contents in boxes(data):
        if kind == path[0]:
            contents = map_boxes(contents, path[1:], change) if len(path) > 1 else change(contents)
        made.append(box(kind, contents))
    return b"".join(made)


TRACK = [b"moov", b"trak", b"mdia"]


def make_reference(folder, name, target):
    """A MOV whose samples lie in `target` (a MOV with its index at its end), by a Macintosh alias with the whole path; its own are zeros."""
    path = str(target).replace("/", ":").encode()
    path += b"\0" * (len(path) % 2)
    alias = (bytes(10) + b"\1" + b"V".ljust(27, b"\0") + bytes(12) + b"\1" + b"f".ljust(63, b"\0") + bytes(16) + struct.pack(">hh", -1, -1) + bytes(16)
             + struct.pack(">HH", 2, len(path)) + path + struct.pack(">HH", 0xffff, 0)).ljust(200, b"\0")
    table = struct.pack(">II", 0, 1) + box(b"alis", bytes(4), alias)
    data = map_boxes(target.read_bytes(), [*TRACK, b"minf", b"dinf", b"dref"], lambda _: table)
    (folder / name).write_bytes(map_boxes(data, [b"mdat"], lambda samples: bytes(len(samples))))


def make_endless(folder):
    """An index, and a header, that promise years. {name: intact name}"""
    data = (folder / "end.mp4").read_bytes()
    long = map_boxes(data, [b"moov", b"mvhd"], lambda header: header[:16] + b"\x7f\xff\xff\xff" + header[20:])
    long = map_boxes(long, [*TRACK, b"mdhd"], lambda header: header[:16] + b"\x7f\xff\xff\xff" + header[20:])
    (folder / "endless.mp4").write_bytes(long)
    mkv = (folder / "clip.mkv").read_bytes()
    at = mkv.index(b"\x44\x89\x88") + 3  # Duration, a float of 8 bytes
    (folder / "endless.mkv").write_bytes(mkv[:at] + struct.pack(">d", 1e15) + mkv[at + 8:])
    return {"endless.mp4": "end.mp4", "endless.mkv": "clip.mkv"}


def make_bombs(folder, side=10000, frames=5):
    """APNG that really unpacks to 10,000 x 10,000, GIF and MP4 that claim so."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    picture, sequence = zlib.compress(bytes((side + 1) * side), 9), iter(range(2 * frames))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"acTL", struct.pack(">II", frames, 0))
    for frame in range(frames):
        data += chunk(b"fcTL", struct.pack(">IIIIIHHBB", next(sequence), side, side, 0, 0, 1, 10, 0, 0))
        data += chunk(b"IDAT", picture) if frame == 0 else chunk(b"fdAT", struct.pack(">I", next(sequence)) + picture)
    (folder / "bomb.apng").write_bytes(data + chunk(b"IEND", b""))
    block = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHH", 0, 0, side, side) + b"\0\x02\x02\x4c\x01\0"
    (folder / "bomb.gif").write_bytes(b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + block * frames + b"\x3b")
    claim = struct.pack(">HH", side, side)
    (folder / "bomb.mp4").write_bytes((folder / "end.mp4").read_bytes().replace(struct.pack(">HH", *SIZE), claim))
    return ["bomb.apng", "bomb.gif", "bomb.mp4"]


def make_leads(folder, port):
    """Files that lead to other files, or to port `port` of this machine. The names of those that FFmpeg's own programs would follow, and of others."""
    segments = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.4,\n{}\n#EXT-X-ENDLIST\n"
    session = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    for name, text in {
        "list.m3u8": segments.format("clip.ts"),
        "list.mp4": segments.format("clip.ts"),
        "web.m3u8": segments.format(f"http://127.0.0.1:{port}/clip.ts"),
        "web.mp4": segments.format(f"http://127.0.0.1:{port}/clip.ts"),
        "list.ffconcat": "ffconcat version 1.0\nfile 'start.mp4'\n",
        "ffconcat.mp4": "ffconcat version 1.0\nfile 'start.mp4'\n",
        "session.sdp": session,
        "session.mp4": session,
    }.items():
        (folder / name).write_text(text)
    for i in range(1, 6):
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=5:d=0.2", "-frames:v", 1, folder / f"{i:03}.png")
    ffmpeg("-i", folder / "end.mp4", "-c", "copy", folder / "target.mov")
    make_reference(folder, "reference.mov", folder / "target.mov")
    followed = {"list.m3u8": [], "list.ffconcat": [], "%03d.png": [], "reference.mov": ["-enable_drefs", "1", "-use_absolute_path", "1"]}
    return followed, ["list.mp4", "web.m3u8", "web.mp4", "ffconcat.mp4", "session.sdp", "session.mp4"]


def make_odd(folder):
    """What is no video, or hardly one. {name: (statuses, words of the reason)}"""
    moov = (folder / "end.mp4").read_bytes()
    (folder / "no-index.mp4").write_bytes(b"".join(box(kind, contents) for kind, contents in boxes(moov) if kind != b"moov"))
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "zeros.mp4").write_bytes(bytes(100000))
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "device.mp4").symlink_to("/dev/zero")
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", folder / "sound.mp4")
    ffmpeg("-i", folder / "end.mp4", "-frames:v", 1, *X264, folder / "one.mp4")
    still = map_boxes(moov, [*TRACK, b"minf", b"stbl", b"stts"], lambda table: table[:8] + b"".join(table[i:i + 4] + bytes(4) for i in range(8, len(table), 8)))
    (folder / "still.mp4").write_bytes(still)  # every frame lasts no time
    bad = ("unreadable",)
    return {"no-index.mp4": (bad, "not a video, or damaged"), "empty.mp4": (bad, "is an empty file"), "zeros.mp4": (bad, ""), "folder.mp4": (bad, "is a directory"),
            "pipe.mp4": (bad, "is not a regular file"), "loop.mp4": (bad, "symbolic links"), "device.mp4": (bad, "is not a regular file"),
            "missing.mp4": (bad, "No such file"), "sound.mp4": (("no_video",), "no video stream"), "one.mp4": (("too_short",), "1 frames"),
            "still.mp4": (("ok", "unreadable"), "")}


NAMES = ["colon:in.mp4", "new\nline.mp4", "-dash.mp4", "%03d.mp4", "%s%n.mp4", "quote'\".mp4", "file:name.mp4", "concat:a|b.mp4", "http:name.mp4",
         "subfile,,start,0,end,9,,:x.mp4", "hash#3+4.mp4", "ünïcödé.mp4", "a b\t.mp4", "back\\slash.mp4", "glob*?[a].mp4"]

# Encoders and what they want; each is another decoder, all of which must do with what the sandbox allows and with one thread.
CODECS = {
    "libx265": "-x265-params log-level=none -pix_fmt yuv420p", "libaom-av1": "-cpu-used 8 -b:v 200k -lag-in-frames 0", "libvpx": "-cpu-used 8 -b:v 200k",
    "mpeg1video": "", "mpeg2video": "", "h263p": "-s 176x144", "msmpeg4": "", "wmv2": "", "flv": "", "mjpeg": "", "ffv1": "", "huffyuv": "", "prores": "",
    "libtheora": "", "png": "", "jpeg2000": "", "jpegls": "", "rawvideo": "", "utvideo": "", "svq1": "", "zmbv": "", "dvvideo": "-s 720x576 -pix_fmt yuv420p",
    "v210": "", "cinepak": "-s 64x64", "snow": "-strict experimental", "gif": "", "apng": "", "libxvid": "", "cfhd": "", "magicyuv": "", "hap": "",
}


def make_codecs(folder):
    """A clip of each codec that this ffmpeg can encode. Their names."""
    known, made = ffmpeg("-encoders").decode(), []
    for codec, how in CODECS.items():
        if f" {codec} " not in known:
            continue
        name = f"{codec}.{codec if codec in ('gif', 'apng') else 'mkv' if codec.startswith('lib') else 'nut'}"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25", "-frames:v", 8, "-c:v", codec, *how.split(), folder / name)
        made.append(name)
    return made
