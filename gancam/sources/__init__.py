"""Where frames come from: a video file, a still image, a test pattern; cameras and streams are modules of their own."""

from gancam.sources.contract import Source
from gancam.sources.decoders import frames_ahead
from gancam.sources.images import AnimatedImage, ImageFiles, Still
from gancam.sources.pattern import TestPattern
from gancam.sources.video import VideoFile

__all__ = ["AnimatedImage", "ImageFiles", "Source", "Still", "TestPattern", "VideoFile", "frames_ahead"]
