"""Signs that a text gives orders to the assistant instead of asking it something.

Each is a way in which attacks work, not a sentence that was seen.
"""

from collections.abc import Iterable

from memory.framerules import FRAME_RULES
from memory.injectionwords import (
    DROP,
    EARLIER,
    HINT,
    LIKELY,
    ORDERS,
    OWN_TEXT,
    REVEAL,
    SURE,
    YOU,
    InjectionRule,
    sign,
)
from memory.needles import matches, word_starts

INJECTION_RULES: tuple[InjectionRule, ...] = (
    # --- the rules are to be dropped
    sign("drop_orders", SURE, rf"\b{DROP}\W+(?:\S+\s+){{0,3}}?{EARLIER}\W+(?:\S+\s+){{0,3}}?{ORDERS}\b"),
    sign(
        "drop_orders",
        SURE,
        (
            r"\b(?:^|(?<=[.!?:;\n])|(?<=[.!?:;\n]\s)|(?<=[.!?:;\n]\s\s)|(?<=\band ))"
            rf"(?:please )?{DROP}\W+(?:{ORDERS})\b(?! (?:in|of|for|from|that|which|on)\b)"
        ),
    ),
    sign(
        "drop_all",
        SURE,
        rf"\b{DROP}\s+(?:about )?(?:all|everything|anything|whatever|what|alles?|todo|tout|tutto"
        rf"|sve|все)\b.{{0,30}}?"
        r"\b(?:above|before|prior|previous\w*|earlier|so far|until now|up to now|told|said"
        r"|learn\w*|know|you have"
        r"|you were|you've|davor|vorher\w*|zuvor|bisher\w*|obige\w*|gesagt|anterior\w*|avant|prima|prije)\b",
    ),
    sign(
        "drop_information",
        LIKELY,
        rf"\b{DROP}\s+(?:\S+\s+){{0,2}}?(?:previous|preceding|above|prior|earlier|old|other"
        rf"|provided|given)\s+(?:\S+\s+){{0,2}}?"
        r"(?:information|text|context|conversation|messages?|input|documents?|content|questions?"
        r"|articles?|requests?)\b",
    ),
    sign(
        "drop_all",
        SURE,
        rf"\b{DROP}\s+(?:about |now |jetzt )?(?:all|everything|alles?|todo|tout|tutto|sve"
        rf"|все)\b ?(?:[,.!;:]|and\b|und\b|y\b|then\b|just\b|que\b|was\b|auftrage)"
        r"|\b(?:contrary|deviating|abweichend|in spite|regardless|irrespective|despite) (?:to|from"
        r"|of|zu|von)? ?(?:\S+ ){0,2}?(?:previous|prior|above|earlier|vorherig\w*|obig\w*|your|any"
        r"|all) (?:\S+ )?(?:instruktion\w*|anweisung\w*|instructions?|rules|guidelines|orders"
        r"|directives)"
        r"|\b(?:not|don'?t) (?:answer |respond |look )?(?:\S+ ){0,2}?(?:by|according to|from"
        r"|based on|use|in) (?:the )?(?:provided |given )?(?:articles?|documents?|context"
        r"|passages?|dokumente\w*)\b",
    ),
    sign(
        "drop_context",
        LIKELY,
        (
            rf"\b{DROP} (?:the|this|all|your) (?:user'?s? (?:question|request|message)|context"
            rf"|conversation|documents?)\b"
        ),
    ),
    sign(
        "new_orders",
        SURE,
        r"\b(?:new|updated|real|actual|revised|changed|neue\w*) (?:system |secret "
        r"|actual )?(?:instructions?|rules|policy|policies|directives?|orders"
        r"|anweisung\w*)\b.{0,8}[:=]"
        rf"|\byour (?:new |only |real )+(?:{ORDERS}|job|role|objective|mission|purpose)\b"
        rf"|\byour instructions are\b"
        r"|\byour (?:rules|orders|task|job|purpose|goal|objective) (?:are|is|will be) now\b"
        r"|\b(?:new task|neue aufgabe)\b.{0,15}[:=]"
        r"|\badditional instruction",
    ),
    sign(
        "earlier_rules_void",
        SURE,
        (
            rf"\b(?:previous|prior|earlier|old|former|above"
            rf"|original)\s+(?:\S+\s+)?{ORDERS}\s+(?:\S+\s+){{0,3}}?(?:void|null|obsolete|invalid"
            rf"|outdated|for testing|no longer|expired?|cancel\w*|revoked|superseded|do not apply"
            rf"|don'?t apply|not apply|overridden|lifted|irrelevant|were (?:a |just |only ))"
        ),
    ),
    sign(
        "from_now_on",
        LIKELY,
        (
            rf"\b(?:from (?:now|here|this (?:point|moment|message)|that point) (?:on|forward|onwards?)"
            rf"|from this point|henceforth|hereafter|ab (?:jetzt|sofort)|von nun an|a partir de ahora"
            rf"|desormais|from now)\b.{{0,60}}\b(?:{YOU}|your|answer|respond|reply|act|append|always"
            rf"|never|every|du|sie)\b"
        ),
    ),
    # --- what the assistant was told is to be shown
    sign(
        "reveal_prompt",
        SURE,
        (
            rf"\b{REVEAL}\b(?! (?:a|an)\b).{{0,45}}?\b{OWN_TEXT}\b(?! (?:in|for|of|to) (?:bedrock|a"
            rf"|an|my|our|the)\b)"
        ),
    ),
    sign(
        "reveal_prompt",
        SURE,
        (
            r"\b(?:what|which|how)\b.{0,40}\b(?:you|were you|you were|have you been"
            r"|are you)\b.{0,15}\b(?:instructed|told|prompted|programmed|configured"
            r"|given (?:as )?(?:instructions|rules|a prompt))\b"
        ),
    ),
    sign(
        "repeat_above",
        SURE,
        rf"\b{REVEAL}\b.{{0,45}}?\b(?:everything|all|text|words?|lines?|content|sentences?"
        rf"|messages?|conversation|instructions?|paragraphs?|what)\b.{{0,25}}?"
        r"\b(?:above|before (?:this|my|the)|preced\w*|prior to (?:this|my)|that came before"
        r"|at the (?:top|beginning|start)|up to (?:here|this)|so far|verbatim|word for word"
        r"|earlier in (?:this|the) (?:context|conversation))\b",
    ),
    sign(
        "starts_with_you_are", LIKELY, r"\b(?:start\w*|begin\w*) (?:it |with|from|at)?.{0,25}['\"(]?you are\b"
    ),
    sign(
        "verbatim",
        LIKELY,
        (
            r"\b(?:verbatim|word[- ]for[- ]word|character by character|exactly as (?:written|given"
            r"|they are|it is)|in (?:a|one) (?:txt|text|markdown)? ?code ?block)\b"
        ),
    ),
    sign("own_text", HINT, rf"\b{OWN_TEXT}\b"),
    sign(
        "your_context",
        LIKELY,
        (
            r"\b(?:contents?|text|first|last|copy|beginning|start|top|everything|all"
            r"|rest) (?:\S+ ){0,4}?(?:of|in|from) your (?:context|memory|prompt|system|instructions?"
            r"|context window|initial|configuration|knowledge base)\b|\bhow (?:do|does"
            r"|did) your (?:prompt|instructions?|system message|rules) (?:start|begin|read|look|end)"
            r"|\bcontext window\b.{0,40}\b(?:print|output|copy|show)\b|\b(?:complete|continue|finish"
            r"|fill in)\b.{0,40}\b(?:you are an?|system prompt|instructions? (?:say|read|begin))\b"
        ),
    ),
    # --- another self
    sign(
        "you_are_now",
        LIKELY + HINT,
        (
            r"\b(?:you are|you're|you will be|you shall be|u are|du bist|sie sind) (?:now (?:a|an|the"
            r"|my|in|free|going|called|named|known|to|operating|acting|playing|\w*(?:bot|gpt|ai)\b"
            r"|[\w-]+[,.;:])|no longer|ab (?:jetzt|sofort)|jetzt|henceforth|hereby|about to (?:become"
            r"|immerse))\b|\b(?:now|jetzt) (?:you are|you're|bist du|sind sie)\b"
        ),
    ),
    sign(
        "from_now_you_are",
        SURE,
        r"\bfrom (?:now|here|this \w+) (?:on|forward|onwards?)?,? ?(?:you|your|chatgpt)\b",
    ),
    sign(
        "persona_free",
        LIKELY + HINT,
        (
            r"\b(?:ai[ ,.:]|(?:you|bot|model|persona|character|assistant|version|answer\w*|respond\w*|reply"
            r"|act\w*|behave|operate|comply)\b).{0,60}\b(?:without (?:any |all |its "
            r"|your )?(?:\w+ )?(?:restrict\w*|rules?|limit\w*|filter\w*|polic\w*|moral\w*|ethic\w*"
            r"|censor\w*|guidelines?|constraints?|guardrails?|safety|boundaries|warnings?|refus\w*)"
            r"|unrestricted|unfiltered|uncensored|amoral|no (?:\w+ )?(?:restrictions|limits"
            r"|limitations|filters?|rules|morals?|ethics|ethical|guidelines|boundaries|censorship)"
            r"|free of (?:all |any )?(?:restrict\w*|rules|filters)|not bound|(?:isn'?t|aren'?t"
            r"|no longer) bound|do anything now|bypass)\b"
        ),
    ),
    sign(
        "jailbreak_name",
        LIKELY,
        (
            r"\b(?:d\.?a\.?n\.?|stan|dude|aim|sydney|jailbroken|evil ?bot|(?:evil|god|root|sudo|admin"
            r"|debug|developer|dev|maintenance|diagnostic|unrestricted|jailbreak|test|training"
            r"|privileged|override|dan) ?-?mode (?:on|enabled|activated|engaged|unlocked|output|is)"
            r"|(?:enable|activate|enter|switch to|turn on|engage|unlock|start|in|into"
            r"|simulate) (?:the )?(?:evil|god|root|sudo|admin|debug|developer|dev|maintenance"
            r"|diagnostic|unrestricted|jailbreak|privileged|override|dan|superuser) ?-?mode)\b"
        ),
    ),
    sign(
        "roleplay_you",
        HINT,
        (
            r"\b(?:i want you to|you must|you will|you should|you are going to|please|now|let'?s"
            r"|can you|to) (?:act|pretend|role ?-?play|behave|speak|simulate|imagine|respond"
            r"|answer) (?:as|like|to be|that|you)\b|\b(?:pretend|imagine) (?:that )?(?:to be|you are"
            r"|you're|you have|you were|as if)\b|\bfungier\w*\b|\bact as (?:a |an |my )?(?:linux"
            r"|python|terminal|interpreter|unrestricted|hacker|evil|different|another)\b"
            r"|\bstay in (?:character|role)\b|\brole-?play(?:ing)? as\b"
        ),
    ),
    sign(
        "never_refuse",
        SURE,
        (
            r"\b(?:never|cannot|can'?t|can not|don'?t|do not|must not|won'?t|not allowed to|may not"
            r"|without|not) (?:ever )?(?:refus\w*|declin\w*|reject\w*|deny|say(?:ing)? (?:no"
            r"|that you can|you can|i can'?t|sorry)|apologi[sz]\w*|break(?:ing)? character|censor\w*"
            r"|warn\w*)\b.{0,60}|\b(?:i'?m sorry|as an ai|i can'?t|i cannot)\b.{0,30}\b(?:is"
            r"|are) (?:not allowed|forbidden|banned|prohibited)"
        ),
    ),
    sign(
        "obey_me",
        LIKELY,
        (
            r"\b(?:you (?:must|will|have to|shall|need to|should|are (?:required|obliged|ordered"
            r"|commanded) to) (?:always |fully |only |now )?(?:obey|comply|follow (?:my|these|this|all"
            r"|the following|every)|do (?:as|what|whatever|everything|anything) i|answer (?:all|every"
            r"|any|everything))|i (?:command|order|instruct) you|obey (?:me|my|all)"
            r"|do (?:exactly )?(?:what|as) i (?:say|tell|command)|must comply)\b"
        ),
    ),
    sign("model_name", HINT, r"\b(?:chat ?gpt|gpt-?[34]\w*|openai|claude|language model|ai model|llm)\b"),
    *FRAME_RULES,
)


ENOUGH = 9.0
"""Weight of signs after which no more are looked for."""


def signs(text: str, rules: Iterable[InjectionRule]) -> list[InjectionRule]:
    """Return the rules that match a text that was made plain, each name once, until they weigh `ENOUGH`."""
    found: dict[str, InjectionRule] = {}
    weight = 0.0
    words = word_starts(text)
    for rule in rules:
        if rule.name in found or not matches(rule.pattern, rule.starts, rule.needed, text, words):
            continue
        found[rule.name] = rule
        weight += rule.weight
        if weight >= ENOUGH:
            break
    return list(found.values())
