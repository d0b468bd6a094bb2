"""How the package, a model and the methods are cited."""

from __future__ import annotations

from importlib.metadata import metadata

from dropout.card.known import Known

MODEL_CARDS = ("Mitchell M, Wu S, Zaldivar A, et al. Model cards for model reporting. Proceedings of the Conference on "
               "Fairness, Accountability, and Transparency (FAT* '19), 2019, 220-229. doi:10.1145/3287560.3287596")
TRIPOD_AI = ("Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting clinical prediction "
             "models that use regression or machine learning methods. BMJ 2024;385:e078378. doi:10.1136/bmj-2023-078378")
PROBAST_AI = ("Moons KGM, Damen JAA, Kaul T, et al. PROBAST+AI: an updated quality, risk of bias, and applicability assessment "
              "tool for prediction models using regression or artificial intelligence methods. BMJ 2025;388:e082505. "
              "doi:10.1136/bmj-2024-082505")


def software(known: Known) -> str:
    """The package as a reference, with the version that fitted the model."""
    about = metadata("dropout")
    summary = str(about["Summary"])
    return (f"The dropout authors. dropout: {summary[0].lower()}{summary[1:]} Version {known.version}. Computer software, "
            f"licence {about['License-Expression']}.")


def this_model(known: Known) -> str:
    """What names the model without a doubt."""
    name = f"SHA-256 {known.fingerprint}" if known.fingerprint else "no fingerprint, as its definition has no file of its own"
    return f"Model learnt until {known.trained_until} with seed {known.seed}; {name}."
