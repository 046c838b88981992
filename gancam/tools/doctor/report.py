"""Run all checks, one after the other."""

from collections.abc import Callable, Iterator

from gancam.errors import DeviceError, first_line
from gancam.tools.doctor.cameras import camera_checks
from gancam.tools.doctor.checks import Check
from gancam.tools.doctor.devices import device_checks
from gancam.tools.doctor.display import codec_checks, display_checks
from gancam.tools.doctor.system import package_checks, system_checks, temp_checks, version_checks

_CHECKS: dict[str, Callable[[], Iterator[Check]]] = {  # by what they are called where they cannot be made
    "system": system_checks, "versions": version_checks, "packages": package_checks, "devices": device_checks,
    "cameras": camera_checks, "display": display_checks, "codecs": codec_checks, "temp": temp_checks,
}  # fmt: skip


def examine() -> Iterator[Check]:
    """Check everything, in about five seconds without a GPU; a check that fails itself is reported as a warning."""
    for name, look in _CHECKS.items():
        try:
            yield from look()
        except Exception as error:  # on a system that was not thought of; the others still run
            said = f"could not be checked ({type(error).__name__}: {first_line(error)})"
            yield Check(name, "warning", said, "report this with the output of: gancam doctor --json")


def works(device: str, findings: list[Check]) -> Check:
    """Find the check that shows that networks run rightly on a device.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``tensorrt`` or ``webgpu``.
        findings: What ``examine`` found.

    Raises:
        DeviceError: When they do not, with the reason and what would help.
    """
    found = next((finding for finding in findings if finding.name == device), None)
    if found is None:
        raise DeviceError(device, "it could not be checked", "see the other checks of gancam doctor")
    if found.verdict in ("problem", "absent"):
        raise DeviceError(device, found.seen, found.cure)
    return found
