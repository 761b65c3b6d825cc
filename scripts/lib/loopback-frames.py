"""Frames of YUYV whose every byte is known, and what became of them.

loopback-frames.py make FOLDER          films of 320x240: numbers.yuyv (each frame another) colour.yuyv (one green) and
                                        colour-709.yuyv
loopback-frames.py numbers FILM FRAMES  says how many frames of a file are the film's, bit for bit, in its order
loopback-frames.py shows FILM FRAMES    ends with 0 if the last frame of a file is one of the film's, or nearly
loopback-frames.py feed NODE FILM FPS   feeds a camera as pyvirtualcam does: QUERYCAP, S_FMT, write(), until it is ended
loopback-frames.py take NODE FRAMES     captures by OpenCV, frames as they are
"""
import fcntl
import os
import struct
import sys
import time

WIDTH, HEIGHT = 320, 240
BYTES = WIDTH * HEIGHT * 2
FILM = 60
# 0x20c040 in BT.601, limited range; and in BT.709, which OBS puts out whatever it is set to.
COLOUR = bytes((127, 96, 127, 66))
COLOUR_709 = bytes((143, 88, 143, 63))
ENOUGH = 15


def make(folder):
    with open(os.path.join(folder, "numbers.yuyv"), "wb") as film:
        for number in range(FILM):
            # No two frames, lines or places in a line are equal.
            line = bytes(16 + (number * 3 + place) % 211 for place in range(WIDTH * 2))
            film.write(b"".join(line[row:] + line[:row] for row in range(HEIGHT)))
    for name, colour in ("colour", COLOUR), ("colour-709", COLOUR_709):
        with open(os.path.join(folder, name + ".yuyv"), "wb") as film:
            film.write(colour * (WIDTH * HEIGHT // 2) * 2)


def frames_of(path):
    with open(path, "rb") as file:
        data = file.read()
    if len(data) % BYTES:
        sys.exit(f"{len(data)} bytes are no whole frames of {BYTES}")
    return [data[at : at + BYTES] for at in range(0, len(data), BYTES)]


def numbers(film, path):
    number_of = {frame: number for number, frame in enumerate(frames_of(film))}
    got = [number_of.get(frame) for frame in frames_of(path)]
    if None in got:
        sys.exit(f"frame {got.index(None)} of {len(got)} is none of the producer's")
    if len(got) < ENOUGH:
        sys.exit(f"{len(got)} frames are not enough")
    if any(here == there for here, there in zip(got, got[1:])):
        sys.exit(f"frames came twice: {got}")
    gaps = sum((there - here) % FILM - 1 for here, there in zip(got, got[1:]))
    # One that goes back looks like a gap of nearly all.
    if gaps > FILM:
        sys.exit(f"frames are missing, or not in order: {got}")
    print(f"{len(got)} frames, {gaps} lost")


def shows(film, path):
    """Whoever makes a colour himself may be off by a little."""
    got = frames_of(path)[-1:]
    good = got and any(
        all(abs(here - there) < 4 for here, there in zip(frame[::997], got[0][::997])) for frame in frames_of(film)
    )
    sys.exit(0 if good else 1)


def feed(node, film, fps):
    fd = os.open(node, os.O_WRONLY | os.O_SYNC)
    able = bytearray(104)
    fcntl.ioctl(fd, 0x80685600, able)  # VIDIOC_QUERYCAP
    (capabilities,) = struct.unpack_from("I", able, 88)
    if not capabilities & 0x2:  # V4L2_CAP_VIDEO_OUTPUT; the bits of the node itself say the same
        sys.exit(f"{node} takes no frames")
    # struct v4l2_format: type OUTPUT; width, height, YUYV, field NONE, bytesperline, sizeimage, colorspace SRGB.
    ask = bytearray(208)
    struct.pack_into("I4x8I", ask, 0, 2, WIDTH, HEIGHT, 0x56595559, 1, WIDTH * 2, BYTES, 8, 0)
    fcntl.ioctl(fd, 0xC0D05605, ask)  # VIDIOC_S_FMT
    frames = frames_of(film)
    count = 0
    while True:
        if os.write(fd, frames[count % len(frames)]) != BYTES:
            sys.exit("write() took a part")
        count += 1
        time.sleep(1 / float(fps))


def take(node, path):
    import cv2

    camera = cv2.VideoCapture(node, cv2.CAP_V4L2)
    camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"YUYV"))
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
    camera.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    with open(path, "wb") as file:
        for _ in range(20):
            good, picture = camera.read()
            if not good:
                sys.exit("OpenCV got no frame")
            file.write(picture.tobytes())


{"make": make, "numbers": numbers, "shows": shows, "feed": feed, "take": take}[sys.argv[1]](*sys.argv[2:])
