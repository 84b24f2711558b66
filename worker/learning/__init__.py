"""The learning room's one door. Pure PyTorch and MONAI: arrays in, arrays out; no web, database, clock, environment, global seed.

Take a method with `methods.load("expert_adaptive")`; or "dpersona"; give it Readings and its config; get Trained and Personalised.
Weights travel as safetensors with a card. Images are displayed values [C, D, H, W]; a 2D image has D = 1.
"""

from worker.learning import methods
from worker.learning.config import (
    AugmentConfig,
    DPersonaConfig,
    ExpertAdaptiveConfig,
    dpersona_config,
    paper_config,
)
from worker.learning.files import load_safetensors, save_safetensors, save_style
from worker.learning.prediction import Predictor
from worker.learning.readings import (
    Case,
    Diverged,
    Drawing,
    GateCase,
    GateReport,
    InvalidReading,
    LearningError,
    Personalised,
    Progress,
    Reading,
    ShouldStop,
    Stopped,
    StyleMismatch,
    Trained,
)

__all__ = [
    "AugmentConfig",
    "Case",
    "DPersonaConfig",
    "Diverged",
    "Drawing",
    "ExpertAdaptiveConfig",
    "GateCase",
    "GateReport",
    "InvalidReading",
    "LearningError",
    "Personalised",
    "Predictor",
    "Progress",
    "Reading",
    "ShouldStop",
    "Stopped",
    "StyleMismatch",
    "Trained",
    "dpersona_config",
    "load_safetensors",
    "methods",
    "paper_config",
    "save_safetensors",
    "save_style",
]
