"""What a sign of an attack is, and the words that such signs are made of.

Patterns run over text that `memory.disguise.read` made plain: lower case, no accents. Gaps are bounded, and
`sign` bounds the words in them, so that the time grows with the length.
"""

import re
from typing import NamedTuple

from memory.needles import Needles, Starts, bounded, needles, starts


class InjectionRule(NamedTuple):
    """One way of attack."""

    name: str
    weight: float
    """What a match adds to the log-odds of an attack; below 0 for a sign of harmless use."""

    pattern: re.Pattern[str]
    needed: Needles
    """What a text must hold for the pattern to be tried."""

    starts: Starts | None
    """How its matches begin; `None`: they may begin anywhere."""


SURE = 3.0
"""Alone nearly enough to stop a user's message."""

LIKELY = 1.5
"""Enough together with any other sign."""

HINT = 0.75
HARMLESS = -2.0

DROP = (
    r"(?:ignor\w*|igno?mre|disregard\w*|forget\w*|forgot|overrid\w*|overrul\w*|bypass\w*"
    r"|neglect\w*|discard\w*"
    r"|dismiss\w*|abandon\w*|erase|wipe|unlearn|delete|remove|cancel|void|nullify|revoke|supersede\w*|suspend"
    r"|set aside|put aside|leave behind|throw (?:away|out)|pay no (?:attention|heed|mind) to|skip|drop|reset"
    r"|(?:do not|don'?t|never|stop|quit|no longer|not) (?:need to |have to )?(?:follow\w*|obey\w*"
    r"|apply\w*|adher\w*"
    r"|comply\w*|stick\w*|listen\w*|mind|use|consider)"
    r"|vergiss|vergessen|ignorier\w*|missacht\w*|uberspring\w*|olvid\w*|ignora\w*|ignorez"
    r"|oublie\w*|zaborav\w*"
    r"|dimentica\w*|esquec\w*|negeer|vergeet|zapomni\w*|забуд\w*|игнор\w*)"
)
ORDERS = (
    r"(?:instruct\w*|rules?|prompts?|guidelines?|directives?|directions?|orders|commands?|polic(?:y|ies)"
    r"|restrictions?|constraints?|limitations?|programming|guard ?rails?|safe ?guards?|safety"
    r"|(?:content|safety|tenant|security|output|input) (?:filters?|checks?|rules?|polic\w*)|ethics"
    r"|boundaries|assignments?|tasks|persona|anweisung\w*|instruktion\w*|befehle?n?|regeln"
    r"|vorgaben|aufgaben|richtlinien|instruccion\w*|reglas|ordenes|consignes|regles|istruzioni"
    r"|regole|instrucoes"
    r"|instructies|instrukc\w*|инструкц\w*|правила)"
)
EARLIER = (
    r"(?:previous\w*|prior|above|earlier|preceding|past|former|foregoing|initial|original|old"
    r"|existing|current|all"
    r"|any|every|your|these|those|what(?:ever)?|system|hidden|internal|the|its|vorherig\w*"
    r"|bisherig\w*|obig\w*"
    r"|alle\w*|deine|ihre|vorig\w*|fruher\w*|todas?|anterior\w*|precedent\w*|toutes|tutte|sve|все)"
)
REVEAL = (
    r"(?:reveal\w*|print\w*|show\w*|repeat\w*|output\w*|display\w*|dump\w*|leak\w*|disclos\w*"
    r"|expos\w*|recit\w*"
    r"|tell\w*|give\w*|share\w*|return\w*|echo\w*|quot\w*|copy|paste|list\w*|write\w*|spell\w*|translat\w*"
    r"|summari[sz]e\w*|paraphrase|encode|describe|rephrase|convert|provide|state|send|post|put|include|append"
    r"|what (?:is|are|was|were|does)|what'?s|zeig\w*|nenn\w*|gib|verrat\w*|wiederhol\w*|muestra\w*|revela\w*"
    r"|montre\w*|affiche\w*|repete\w*|mostra\w*|покажи)"
)
OWN_TEXT = (
    r"(?:(?:system|hidden|initial|secret|original|internal|base|master|developer|starting|full"
    r"|complete|entire)"
    r"[ -]?(?:system )?(?:prompts?|instructions?|messages?|rules|directives?|configuration|guidelines)"
    r"|prompt[- _]?texte?s?|system ?prompts?|systemanweisung\w*|preprompt|pre-prompt"
    r"|your (?:own |exact |full |complete |current |entire |secret |hidden )?(?:prompts?|instructions?|rules"
    r"|guidelines|directives?|configuration|config|programming|policies|constraints|system message)"
    r"|(?:instructions|prompts?|rules|guidelines|directives) (?:that )?(?:you (?:were|are|have|got|received)"
    r"|given to you|above))"
)
YOU = r"(?:you|u|chatgpt|chat gpt|gpt-?\d*|the (?:ai|assistant|model|bot|chatbot)|assistant|ai|model|bot)"
TO_ASSISTANT = (
    r"(?:ai|a\.i\.|assistants?|llms?|chatbots?|chatgpt|gpt|claude|language models?|the model|bot|agents?)"
)


def sign(name: str, weight: float, pattern: str) -> InjectionRule:
    """Compile a rule."""
    return InjectionRule(name, weight, re.compile(bounded(pattern)), needles(pattern), starts(pattern))
