"""Where frames come from: a video file, a still image, a test pattern.

A source is iterated once, by one thread. Dropping frames is a source's own nature: those here drop none.
"""

from gancam.sources.contract import Source
from gancam.sources.decoders import frames_ahead
from gancam.sources.images import ImageFiles, Still
from gancam.sources.pattern import TestPattern
from gancam.sources.video import VideoFile

__all__ = ["ImageFiles", "Source", "Still", "TestPattern", "VideoFile", "frames_ahead"]
