"""Every error that EasyPhoto raises on purpose, grouped by what the user can do about it.

EasyPhotoError                  .advice says what to do next, .exit_code what the command line returns
├─ InputError              2    the user can correct it
│  ├─ BadName                   an id that is not a safe file name
│  ├─ BadPicture                unreadable, too large, not a picture
│  ├─ BadRecord                 a JSON file of the workspace that is damaged, or of a later version
│  ├─ BadMask                   a mask or a box that leaves no usable place on its template
│  ├─ NotAFile                  a pipe, a device or a folder where a file is expected
│  ├─ OutsideFolder             a record's path that leads out of its folder
│  ├─ NotAFolder                a workspace that is a file, or lies below one
│  ├─ NewerWorkspace            a later version of EasyPhoto made it
│  ├─ MovedWorkspace            the workspace was moved to another place
│  ├─ ForeignFile               a file that a client names but did not upload
│  ├─ BadReference              the chosen reference photo is missing, or not kept
│  ├─ BadSettings               unknown key, value out of range
│  ├─ BadWords                  words for a prompt that are too long or no plain text
│  ├─ UnknownPerson             no such person in this workspace
│  ├─ UnknownScene              no scene or object of that name
│  ├─ WrongKind                 a scene where a person is needed, or a person where a scene is
│  ├─ WrongFamily               a LoRA that was trained for another type of model than the one in use
│  ├─ UnknownCheckpoint         no checkpoint of that step, or its training is gone
│  ├─ UnknownConfiguration      no saved settings of that name
│  ├─ UnknownStyle              no style of that name
│  ├─ UnknownPose               no pose of that name
│  ├─ BadPose                   a picture or file that shows no pose
│  ├─ MixedDomains              a photographed and a drawn person in one picture
│  ├─ NameTaken                 the name is already in use
│  ├─ UnknownJob                no such job, or it was removed
│  ├─ NoFaceFound               no face on the template, or none that can be done well
│  └─ TooFewPhotos              no usable photo is left after the verdicts
├─ TrainingError           1    the training failed
│  ├─ TrainerCrashed            the worker ended without an error message; .log_tail
│  │  └─ TrainerKilled     5    another process or the system ended the worker
│  ├─ Diverged             4    the loss became NaN or infinite
│  └─ RunBusy              2    another process holds this run
└─ EnvironmentFailure      5    disk, weights, network, host
   ├─ WeightsMissing            a weight file that is not at hand, and how to get it
   ├─ ChecksumMismatch          a weight file with unexpected content
   ├─ LicenceRefused            a weight file that the chosen set of licences excludes
   ├─ NotAllDeleted             a person's deletion has begun, but some data is not deleted yet
   ├─ DiskFailure               a failed write; no partial file is left
   ├─ WorkerLost                a lane's process ended in the middle of a job; .log_tail
   ├─ TrainerMissing            the training environment is missing or broken
   └─ BackendError              the backend failed
      ├─ MissingCapability      the backend cannot do what was requested, and does not leave it out in silence
      ├─ BackendUnreachable     a remote web UI that does not answer
      └─ HostBusy               the device, the job or the person is busy with other work
OutOfMemory                3    the device or the machine ran out of memory: less resolution or a smaller batch helps
"""

from easyphoto.messages import Text, joined, untranslated


class EasyPhotoError(Exception):
    """What happened (the message) and what to do about it (the advice)."""

    exit_code = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = untranslated(message)
        self.advice = untranslated(advice)

    @property
    def code(self) -> str:
        """The machine-readable name of the error."""
        return type(self).__name__

    @property
    def said(self) -> Text:
        """Message and advice as one text, for a note or as a value of another text."""
        both = joined([self.message, self.advice] if self.advice else [self.message], " ")
        return Text(both.template, both.values, self.code)

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.advice}" if self.advice else message


class InputError(EasyPhotoError):
    exit_code = 2


class BadName(InputError):
    pass


class BadPicture(InputError):
    """`why` is the reason alone, as a sentence about the file; empty where it is not known so exactly."""

    def __init__(self, message: str, *, advice: str = "", why: str = "") -> None:
        super().__init__(message, advice=advice)
        self.why = untranslated(why)


class BadMask(InputError):
    pass


class BadRecord(InputError):
    pass


class NotAFile(InputError):
    pass


class OutsideFolder(InputError):
    pass


class NotAFolder(InputError):
    pass


class NewerWorkspace(InputError):
    pass


class MovedWorkspace(InputError):
    pass


class ForeignFile(InputError):
    pass


class BadReference(InputError):
    pass


class BadSettings(InputError):
    pass


class BadWords(InputError):
    pass


class UnknownPerson(InputError):
    pass


class UnknownScene(InputError):
    pass


class WrongKind(InputError):
    pass


class WrongFamily(InputError):
    pass


class UnknownCheckpoint(InputError):
    pass


class UnknownConfiguration(InputError):
    pass


class UnknownStyle(InputError):
    pass


class UnknownPose(InputError):
    pass


class BadPose(InputError):
    pass


class MixedDomains(InputError):
    pass


class NameTaken(InputError):
    pass


class UnknownJob(InputError):
    pass


class NoFaceFound(InputError):
    pass


class TooFewPhotos(InputError):
    pass


class TrainingError(EasyPhotoError):
    pass


class TrainerCrashed(TrainingError):
    """The worker ended without an error message; `log_tail` holds the last lines of its log."""

    def __init__(self, message: str, *, advice: str = "", log_tail: str = "") -> None:
        super().__init__(message, advice=advice)
        self.log_tail = log_tail


class Diverged(TrainingError):
    exit_code = 4


class RunBusy(TrainingError):
    exit_code = 2


class OutOfMemory(EasyPhotoError):
    exit_code = 3


class EnvironmentFailure(EasyPhotoError):
    exit_code = 5


class TrainerKilled(TrainerCrashed, EnvironmentFailure):
    pass


class WeightsMissing(EnvironmentFailure):
    """`weights` are the sets or files of the catalogue that bring what is missing, where it has them."""

    def __init__(self, message: str, *, advice: str = "", weights: tuple[str, ...] = ()) -> None:
        super().__init__(message, advice=advice)
        self.weights = weights


class ChecksumMismatch(EnvironmentFailure):
    pass


class LicenceRefused(EnvironmentFailure):
    pass


class NotAllDeleted(EnvironmentFailure):
    pass


class DiskFailure(EnvironmentFailure):
    pass


class WorkerLost(EnvironmentFailure):
    """A lane's process ended, or did not start; `log_tail` holds the last lines that it wrote."""

    def __init__(self, message: str, *, advice: str = "", log_tail: str = "") -> None:
        super().__init__(message, advice=advice)
        self.log_tail = log_tail


class TrainerMissing(EnvironmentFailure):
    pass


class BackendError(EnvironmentFailure):
    pass


class MissingCapability(BackendError):
    pass


class BackendUnreachable(BackendError):
    pass


class HostBusy(BackendError):
    pass


def first_line(error: BaseException) -> str:
    """The first line of a library exception's message, without its full stop; its class name where it is empty."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
