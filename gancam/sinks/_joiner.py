"""Pieces that are joined into one file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

from gancam.errors import SinkError
from gancam.sinks._muxer import Muxer, OutputFile
from gancam.sinks._settings import EncoderSettings, VideoOptions
from gancam.sinks.piece_store import PieceIndex, fingerprint, read_packets

Pieces = Sequence[tuple[Path, PieceIndex]]  # files and their indices, in order


class Joiner(ABC):
    """Makes a hidden file of pieces."""

    @abstractmethod
    def open(self, settings: EncoderSettings) -> str:
        """Prove that the file can be made.

        Returns:
            The fingerprint of the encoder, which that of each piece must be.
        """

    @abstractmethod
    def join(self, pieces: Pieces, until: Fraction | None) -> None:
        """Write all `pieces`, and the other streams so far as they begin before `until` (seconds; None: all).

        Raises:
            SinkError: The encoder is not that of the pieces.
        """

    @abstractmethod
    def check(self, pieces: Pieces) -> None:
        """Read the file back: every frame there, at its time. Raises ``SinkError``."""

    def abort(self) -> None:
        """Close what is open."""

    def abandon(self) -> None:
        """Let a ``join`` that takes long, as copying packets does not, end with an error. From another thread."""


class VideoJoiner(Joiner):
    """Puts the packets of pieces, and the tracks that go along, into a container.

    Args:
        place: Where it is written to.
        options: Of which file tracks are taken, and what part of it.
        notes: Gets what could not be taken along.
    """

    def __init__(self, place: OutputFile, options: VideoOptions, notes: list[str]) -> None:
        self._place, self._muxer = place, Muxer(place, options, notes)
        self._settings: EncoderSettings | None = None

    def open(self, settings: EncoderSettings) -> str:
        """Open the container and its encoder, and close them again."""
        self._settings = settings
        self._muxer.open(settings)
        extradata = fingerprint(self._muxer.stream.codec_context.extradata)
        self._muxer.abort()
        return extradata

    def join(self, pieces: Pieces, until: Fraction | None) -> None:
        """Write the packets as they are."""
        assert self._settings is not None
        self._muxer.open(self._settings)
        stream = self._muxer.stream
        check_encoder(self._settings, fingerprint(stream.codec_context.extradata), pieces)
        decoded = iter(_decoding_times(_shown(pieces)))
        for packet in packets_in(pieces):
            packet.dts, packet.time_base, packet.stream = next(decoded), self._settings.time_base, stream
            self._muxer.mux(packet)
        self._muxer.finish(until)

    def check(self, pieces: Pieces) -> None:
        """Compare the times of the packets."""
        assert self._settings is not None
        with av.open(str(self._place.file)) as container:
            stream = container.streams.video[0]
            there = sorted(packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None)
            base = Fraction(stream.time_base or 0)
        shown = sorted(_shown(pieces))
        tick = self._settings.time_base
        slack = Fraction(1, 1000) + tick
        whole = len(there) == len(shown) and all(
            abs((now - there[0]) * base - (was - shown[0]) * tick) <= slack
            for now, was in zip(there, shown, strict=True)
        )
        if not whole:
            said = f"{len(shown)} frames were joined, but {len(there)} can be read back"
            raise SinkError(f"{self._settings.path}: {said}")

    def abort(self) -> None:
        """Close the container."""
        self._muxer.abort()


def check_encoder(settings: EncoderSettings, extradata: str, pieces: Pieces) -> None:
    """Raise ``SinkError`` where `pieces` are of another encoder than that of the fingerprint `extradata`."""
    if any(index["extradata"] != extradata for _, index in pieces):
        what = "the encoder changed since the pieces were written; --overwrite starts over"
        raise SinkError(f"{settings.path}: {what}")


def packets_in(pieces: Pieces) -> Iterator["av.Packet[av.VideoStream]"]:
    """Give the packets of `pieces`, in decoding order."""
    for file, index in pieces:
        yield from read_packets(file, index)


def _shown(pieces: Pieces) -> list[int]:
    """When each packet is shown, in decoding order."""
    return [packet[0] for _, index in pieces for packet in index["packets"]]


def _decoding_times(shown: list[int]) -> list[int]:
    """Find when each packet is to be decoded, given in decoding order when it is shown.

    These are the times of showing, so far ahead as pictures wait for later ones.
    """
    order = sorted(shown)
    rank = {tick: place for place, tick in enumerate(order)}
    ahead = max((place - rank[tick] for place, tick in enumerate(shown)), default=0)
    lead = order[ahead] - order[0] if order else 0
    return [order[place - ahead] if place >= ahead else order[place] - lead for place in range(len(order))]
