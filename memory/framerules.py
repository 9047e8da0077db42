"""Signs that the frame is forged, that somebody feigns authority, that the machine itself is meant."""

from memory.injectionwords import HARMLESS, HINT, LIKELY, REVEAL, SURE, TO_ASSISTANT, InjectionRule, sign

FRAME_RULES: tuple[InjectionRule, ...] = (
    # --- the frame around the text is forged
    sign(
        "forged_frame",
        SURE,
        (
            r"\b(?:^|(?<=[\n.!?\"'])|(?<=[\n.!?\"'] ))(?:system|assistant|developer|admin(?:istrator)?|root"
            r"|sysadmin)(?: (?:message|note|override|prompt|notice|alert|update|command"
            r"|instruction))? ?:(?!:)"
        ),
    ),
    sign("forged_frame", SURE, r"(?:^|[\n\"'] ?)====*+ ?(?:end|begin|start|new|system)\b"),
    sign(
        "forged_frame",
        SURE,
        (
            r"</?(?:system|assistant|context"
            r"|instructions?|user|documents?|tool_?(?:result|output|call)s?|im_start|im_end|prompt"
            r"|admin|passages?|data|question|sys|s|inst)\b[^>\n]{0,40}>|<\|[a-z_]{2,20}\|>|\[/?(?:inst"
            r"|system|sys)\]|<<\/?sys>>|\[\[?(?:end|begin|start|system)\b[^\]]{0,40}\]"
            r"|#(?<!##)#++ ?(?:system|instructions?|new instructions?|end of|response|assistant)\b"
        ),
    ),
    sign(
        "frame_ends",
        LIKELY,
        (
            r"\b(?:end of|end) (?:the )?(?:context|document"
            r"|documents|user input|user query|prompt|system prompt|passages?|input|data|conversation"
            r"|instructions?|tool (?:output|result))\b|\b(?:output|result|context|document"
            r"|response) (?:continues|resumes|ends) (?:below|here)\b"
        ),
    ),
    sign("frame_ends", LIKELY, r"(?<!-)----*+ ?(?:end|begin|new|system|stop)\b"),
    sign("frame_ends", LIKELY, r"```(?:system|assistant)"),
    sign(
        "hidden_comment",
        LIKELY,
        (
            r"\b(?:note"
            rf"|message|instructions?|memo|attention|important|hint|reminder|request|directive|info"
            rf"|notice) (?:to|for) (?:any |the |all |this )?{TO_ASSISTANT}\b|\b(?:dear|hey|hello|hi"
            rf"|attention|listen),? (?:ai|assistant|llm|chatbot|chatgpt|gpt|bot|model|agent)\b"
            rf"|\b{TO_ASSISTANT} (?:that |who |which )?(?:reads?|reading|process\w*|summari[sz]\w*"
            rf"|index\w*) this\b|\bif you are (?:an? )?(?:{TO_ASSISTANT}|language|automated)\b"
            r"|\b(?:^|(?<=[.!?;] ))(?:assistant|ai|chatbot|model|agent|llm|bot)[,:] "
        ),
    ),
    sign(
        "hidden_comment",
        LIKELY,
        rf"<!--.{{0,20}}\b(?:{TO_ASSISTANT}|system|instruction|ignore|call|send)\b",
    ),
    # --- who speaks, what was allowed
    sign(
        "false_authority",
        LIKELY,
        (
            r"\b(?:i am|i'?m|this is|it'?s|as|speaking as|we are|ich bin) (?:the|your|an?"
            r"|one of (?:the|your)|from)? ?(?:authorized |lead |chief |system |openai |aws |amazon "
            r"|security |original |senior |real )?(?:developers?|creators?|admin\w*|root|owners?"
            r"|engineers?|operator|maker|author|programmers?|ceo|auditor|supervisor|security team"
            r"|red team|penetration tester|maintainer|sysadmin|support engineer"
            r"|entwickler\w*)\b(?! (?:mode|guide|account|console|edition|preview))"
        ),
    ),
    sign(
        "authority_orders",
        LIKELY,
        (
            r"\b(?:authori[sz]ed|authori[sz]ation|permission|clearance|approved|allowed"
            r"|access) (?:code|level|granted|override|by (?:the )?(?:admin|developer|owner|ceo|openai"
            r"|security))|\b(?:user|admin|administrator|owner|judge|security|operator|manager"
            r"|developer|supervisor) (?:has|have|had|already|just)? ?(?:already )?(?:approved"
            r"|authori[sz]ed|confirmed|consented|permitted|agreed|granted|allowed|signed off)\b"
            r"|\bpre-?approved\b|\boverride (?:code|key|token|password)\b"
        ),
    ),
    sign(
        "audit_pretext",
        HINT,
        (
            r"\bfor (?:my|our|an?|the|internal|compliance|security|debugging|testing"
            r"|quality)? ?(?:audit\w*|compliance|debugging|testing|debug|quality assurance"
            r"|verification|research|educational|calibration|penetration test\w*"
            r"|documentation) ?(?:purposes?|reasons?)?\b"
        ),
    ),
    # --- the machine behind the assistant
    sign(
        "switch_off",
        SURE,
        (
            r"\b(?:disable|deactivate|turn off|switch off|shut off|shut down|skip|bypass|circumvent"
            r"|remove|suspend|evade|get around|work around|drop|unlock|lift|stop|kill"
            r"|pause)\b(?:\s+\S+){0,3}?\s(?:guard ?rails?|safe ?guards?|safety|content (?:filters?"
            r"|polic\w*|moderation)|moderation|tenant (?:filters?|check|isolation|scope)|(?:input"
            r"|output) (?:guard|filters?|checks?)|the judge|judge|redact\w*|restrictions|censorship"
            r"|your (?:filters?|rules|restrictions|limits|checks?|safety|guidelines)|system prompt"
            r"|safety node)\b"
        ),
    ),
    sign(
        "cross_tenant",
        SURE,
        (
            r"\b(?:other|all|every|any|another|different|foreign|each|someone else'?s|somebody else'?s"
            r"|neighbou?r\w*)\s(?:the )?(?:tenants?'?s?|customers?'|customer'?s (?:sessions?|data"
            r"|conversations?|chats?|history|queries|questions|messages)|users?'|user'?s (?:sessions?"
            r"|data|conversations?|chats?|history|queries|questions|messages|memory|profile)"
            r"|compan(?:y|ies)'?s? (?:sessions?|data|patterns?)|clients?'s? (?:sessions?|data"
            r"|conversations?))|\btenant (?:filter|id|scope|isolation)\b.{0,25}\b(?:to|=|off|ignore"
            r"|remove|\*)|\b(?:ignor\w*|without|remove|drop|change|set|widen|disable"
            r"|skip) (?:\S+ ){0,3}tenant\b|\b(?:what did|what do|show|list|read|print"
            r"|dump) (?:\S+ ){0,3}(?:other|previous|another|all) (?:users?|customers?|people"
            r"|tenants?) (?:ask|say|said|asked|type|wrote|chat)\w*|\b(?:patterns|sessions|data|rows"
            r"|memory|conversations|records|profiles|documents|history) (?:\S+ ){0,3}(?:of|from|for"
            r"|across|belonging to) (?:every|all|other|another|each|any other) (?:tenants?|customers?"
            r"|users?|compan\w+|clients?|accounts?)\b"
        ),
    ),
    sign(
        "steer_judge",
        SURE,
        (
            r"\b(?:judge|grader|evaluator|verdict|evaluation|rating|reviewer|critic|scorer|verifier"
            r"|grading)\b.{0,60}\b(?:must|should|always|already|score|give|accept|approve\w*|pass\w*"
            r"|1\.0|10/10|100|perfect|full marks|maximum|ignore|skip|verified)\b|\b(?:score|rate|grade"
            r"|mark|rank|accept|evaluate) (?:this|my|the) (?:answer|response|reply|draft|output"
            r"|passage|document|pattern)\b.{0,30}\b(?:1(?:\.0)?|10|5|100|perfect|verified|correct"
            r"|accepted|approved|highest|maximum|full|pass\w*|first|best)\b|\bmark (?:it|this|that"
            r"|them|the answer) as (?:verified|approved|correct|safe|trusted|resolved|solved"
            r"|success\w*)"
        ),
    ),
    sign(
        "plant_memory",
        SURE,
        (
            r"\b(?:store|save|remember|record|memori[sz]e|learn|add|write|register|keep|note|persist"
            r"|log)\b (?:\S+ ){0,4}?(?:as|in|to|into) (?:a |an |the |your |my "
            r"|all )?(?:\w+ )?(?:successful pattern|pattern|memory|long[- ]term memory|knowledge base"
            r"|profile|best practice|instructions?|rule|preference for (?:all|every)|trusted)\b.{0,80}"
            r"|\bwhenever (?:any(?:one|body)|somebody|someone|a user|users?|people|they|other users"
            r"|a customer|any user) (?:ask|mention|want|request|write|say|quer)\w*\b|\b(?:in|for"
            r"|to) (?:all|every|each|any) (?:future|later|subsequent|following|other|further"
            r"|next) (?:sessions?|conversations?|chats?|answers?|users?|turns?|questions?|repl\w+"
            r"|quer\w+|request\w*|response\w*|message\w*)\b"
        ),
    ),
    sign(
        "secret_tool_call",
        SURE,
        (
            r"\b(?:call|run|invoke|execute|use|trigger|launch|start|delete|send)\b.{0,40}\b(?:silently|secretly"
            r"|without (?:telling|asking|informing|notifying) (?:me|us|them|the user|anyone|any))\b"
            r"|\b(?:call|run|invoke|execute|use|trigger|launch|start|open)\b (?:the |a |your "
            r"|this )?(?:\S+ ){0,3}?(?:tool|function|plugin|shell|command|endpoint|webhook|api"
            r"|action)s?\b.{0,80}\b(?:with|and|to|on|pattern|https?|followed|silently|without|send"
            r"|delete|drop|secretly)\b.{0,80}(?:\bdo not mention|\bdon'?t (?:mention|tell|say|report)"
            r"|\bwithout (?:mention\w*|telling|ask\w*|confirm\w*|notify\w*)|\bsilently\b|https?://"
            r"|'\*'|\"\*\"|\bhistory\b|\bcredential|\bsecretly\b|\bdelete|\bdrop\b)"
        ),
    ),
    sign(
        "exfiltrate",
        SURE,
        (
            r"\b(?:send|forward|transfer|post|upload|(?:e-?)?mail|exfiltrat\w*|submit|transmit|leak|copy"
            r"|deliver|append|add|attach|include|embed|put)\b (?:\S+ ){0,7}?(?:(?:session|conversation"
            r"|chat|message|full|entire|whole|complete) (?:history|conversation|transcript|log|session"
            r"|context)|conversation|transcript|(?:report|data|results?|contents?|answers?|records?"
            r"|secrets?|passwords?|keys?|tokens?|history|files?|details|information|context|documents?"
            r"|summary)) (?:\S+ ){0,3}?(?:to|at|into|in)\b (?:\S+ ){0,3}?"
            r"(?:[\w+.-]{1,64}+@[\w.-]{1,80}|https?:"
            r"|www\.|\w+\.(?:example|com|net|org|io|xyz|ru|evil)\b|(?:every|each|all|your) (?:answers?"
            r"|repl\w+|responses?|messages?)|(?:an |the |this )?(?:url|webhook|link|image|attacker"
            r"|external|server|endpoint))"
        ),
    ),
    sign("exfiltrate", SURE, r"!\[[^\]]{0,40}\]\(https?://[^)]{0,80}(?:=|\{|\+)"),
    sign(
        "do_not_tell",
        LIKELY,
        (
            r"\b(?:do not|don'?t|never|without) (?:mention\w*|tell\w*|inform\w*|let\w*|reveal\w*"
            r"|disclos\w*|notify\w*|show\w*|say\w*|report\w*) (?:\S+ ){0,3}?(?:it|this|that|user|them"
            r"|anyone|anybody|him|her|these instructions|customer)\b"
        ),
    ),
    sign(
        "ask_user_for_secret",
        SURE,
        (
            r"\b(?:ask|tell|instruct|get|convince|persuade|urge|prompt|direct|request|advise|remind"
            r"|invite) (?:the |any |every |each |all )?(?:users?|customers?|readers?|reader|them"
            r"|visitors?|person|people)\b.{0,50}\b(?:password\w*|secrets?|keys?|tokens?|credentials?"
            r"|card|log ?in|account numbers?|paste|download|click|install|visit|verify|codes?|transfer"
            r"|pay)\b"
        ),
    ),
    sign(
        "leak_secrets",
        LIKELY,
        (
            r"\b(?:include|print|output|reveal|show|list|dump|append|add|give|tell|send|return|expose"
            r"|share|encode|translate)\b (?:\S+ ){0,5}?(?:api keys?|secret keys?|access keys?|secrets?"
            r"|credentials?|passwords?|tokens?|environment variables?|env vars?|secret (?:word|phrase"
            r"|code|key)|passphrase|confidential (?:data|information|details))\b.{0,40}\b(?:you|your"
            r"|seen|know|have|stored|tool|context|above|memory|hidden)\b"
        ),
    ),
    sign(
        "decode_and_obey",
        SURE,
        (
            r"\b(?:decode|decrypt|decipher|unscramble|de-?obfuscate|translate|reverse|rot-?13|base ?64"
            r"|hex|morse|caesar|concatenate|combine|join|assemble|merge|put together"
            r"|piece together)\b.{0,80}\b(?:and|then|,)\s*(?:\w+ ){0,3}?(?:do|follow|execute|obey|run"
            r"|carry out|act on|comply|perform|answer|respond|apply|reply to|tell me the (?:answer"
            r"|response))\b(?: (?:what|it|as|this|that|the|its|them))?|\b(?:follow|execute|obey|run"
            r"|carry out|do what|answer|respond to|act on) (?:the |this )?(?:\w+ ){0,2}(?:[a-z] \+ "
            r"|decoded|concatenat\w*|combined|joined|resulting|assembled|result|hidden)\b"
        ),
    ),
    sign(
        "payload_pieces",
        LIKELY,
        (
            r"=(?<=[\w ]=) ?(?:'[^']{1,300}+'|\"[^\"]{1,300}+\")[^=]{0,300}="
            r" ?(?:'[^']{1,300}+'|\"[^\"]{1,300}+\")[^+]{0,200}\+ ?(?:' ' ?\+ ?)?[a-z]"
        ),
    ),
    sign("payload_pieces", LIKELY, r"\b(?:let|set|define|given|assume) [a-z]\w{0,9} ?= ?['\"]"),
    sign(
        "say_exactly",
        LIKELY,
        (
            r"\b(?:say|reply"
            r"|respond|answer|output|print|write|type|return|antworte|sag|schreib(?:e|en)?) ?(?:only |just "
            r"|exactly |nothing but |back )*(?:with )?(?:only |just |exactly "
            r"|nothing but )*(?:the (?:word|phrase|words|text|sentence|string) |['\"])|\b(?:say"
            r"|print|output|reply|respond with) (?:pwned|hacked|yay|owned|compromised|lol|haha\w*)\b"
        ),
    ),
    sign(
        "say_that",
        LIKELY,
        (
            r"\b(?:just|jsut|only|instead|now|then) (?:say|output|print|write|reply|answer|scream"
            r"|type)\b|\b(?:say|state|write|tell me|admit|repeat|claim) that (?:you|i|\w+ (?:is|are"
            r"|was) the (?:best|worst))|\bsay ?that ?you|\bstop+ ?: ?(?:write|say|print)"
        ),
    ),
    sign(
        "terminal",
        LIKELY,
        (
            r"\b(?:act|behave|function|serve|operate) as (?:a |an |my |the )?(?:\w+ ){0,2}(?:terminal"
            r"|interpreter|console|shell|compiler|translator|storyteller|interviewer)\b"
            r"|\bexecute the following (?:command|code)\b"
        ),
    ),
    sign(
        "secret_words",
        LIKELY,
        (
            rf"\b{REVEAL}\b.{{0,60}}?\b(?:secret|hidden|confidential|forbidden|protected|classified"
            rf"|restricted)s? (?:\S+ )?(?:words?|phrases?|codes?|keys?|pass ?phrases?|passwords?"
            rf"|messages?|numbers?|strings?|values?|tokens?|flags?|instructions?|names?)\b|\b(?:tell"
            rf"|give|reveal|say|show|spell|print|output|share|hint)\w*\b.{{0,30}}\b(?:the|your"
            rf"|that) (?:\w+ )?(?:password|pass ?phrase|passcode|secret|key ?word|code ?word|flag"
            rf"|secret key|pin)\b|\b(?:what|which) (?:is|was|are) (?:the|your"
            rf"|that) (?:\w+ )?(?:password|pass ?phrase|passcode|secret|code ?word|flag|secret key)\b"
        ),
    ),
    sign(
        "foreign_secret",
        LIKELY,
        (
            r"\b(?:contrasena|clave (?:secreta|api)|mot de passe|passwort|kennwort|senha"
            r"|codigo secreto|geheimnis\w*|systemprompt|wachtwoord|haslo|parola d'ordine|пapoль|пароль"
            r"|секрет\w*)\b"
        ),
    ),
    sign("foreign_secret", LIKELY, r"密码|系统提示|提示词|指令|パスワード|指示を"),
    sign(
        "spelled_out",
        LIKELY,
        (
            r"\b(?:spell\w*|letter by letter|character by character|one (?:letter|character"
            r"|word) (?:at a time|per line)|first (?:letter|character|word)s? of|backwards?|in reverse"
            r"|reversed|rot-?13|pig latin|base64|morse code|leetspeak|acrostic|as a poem|rhym\w*"
            r"|emoji\w*)\b.{0,60}\b(?:your|secret|password|prompt|instructions?|key|system|hidden"
            r"|code ?word)\b|\b(?:your|secret|password|prompt|instructions?|key|system"
            r"|hidden)\b.{0,60}\b(?:letter by letter|character by character|backwards?|in reverse"
            r"|reversed|rot-?13|pig latin|in base64|morse code|leetspeak|with spaces between|encoded"
            r"|acrostic)\b"
        ),
    ),
    sign(
        "told_before",
        LIKELY,
        (
            r"\b(?:what|which|everything|anything|all|how)\b.{0,30}\b(?:you (?:were|have been|had been"
            r"|got|are) (?:told|given|instructed|asked|programmed|configured|trained|set up"
            r"|not (?:allowed|supposed|permitted))|(?:developers?|creators?|system|owner|operator"
            r"|admin) (?:told|gave|said to|instructed|wrote|sent) you|came before|precedes|is above"
            r"|stands above|written above)\b|\b(?:you'?re|you are) not (?:supposed|allowed"
            r"|permitted) to (?:tell|say|share|reveal|show|talk|answer|discuss)"
        ),
    ),
    sign(
        "own_tools",
        LIKELY,
        (
            r"\b(?:list|print|show|describe|dump|enumerate|output|give|reveal"
            r"|name)\b (?:\S+ ){0,3}?(?:your|available|internal|all) (?:\w+ )?(?:tools?|functions?"
            r"|plugins?|tool (?:names|schemas?|definitions?)|function (?:names|schemas?|definitions?)"
            r"|capabilities|endpoints)\b.{0,60}\b(?:schema|parameters?|definitions?|json|names?|you"
            r"|signatures?|verbatim|arguments?|internal|access)\b"
        ),
    ),
    sign(
        "fake_dialogue",
        LIKELY,
        (
            r"\b(?:^|(?<=[\n.!?])|(?<=[\n.!?] ))(?:user|human|customer|me|person|q|alice|bob) ?: "
            r".{1,300}?(?:\n| )(?:assistant|ai|bot|chatgpt|chatbot|you|a|model|gpt) ?: "
        ),
    ),
    sign("repeats", HINT, r"\s(\S{1,14}+)(?:\s+\1(?=\s|$)){6}"),
    sign(
        "game",
        HINT,
        (
            r"\b(?:let'?s|we|we'll|we will|you and i) (?:\w+ )?play(?:ing)? (?:a|the|this)?\b"
            r"|\bopposite (?:day|of what)|\b(?:my|late|deceased|dead) (?:grandm\w+|grandfather|mother"
            r"|granny)\b|\bwrite (?:me )?a (?:story|poem|song|scene|dialogue|script"
            r"|play)\b.{0,80}\b(?:password|secret|prompt|instructions|reveals?)\b"
        ),
    ),
    sign(
        "urgent",
        HINT,
        (
            r"\b(?:important|urgent|attention|warning|achtung|critical|notice)\b ?[!:]"
            r"|\bthis is (?:an )?(?:emergency|urgent|a matter of)|\byou (?:die|will die|muertes)\b"
            r"|\b(?:lives?|people|someone) (?:\w+ )?(?:depend|will die|could die|at stake)"
            r"|\bi will (?:tip|pay|be fired|lose my job)"
        ),
    ),
    sign(
        "confirm_ok",
        HINT,
        (
            r"\b(?:confirm|acknowledge|reply|respond|answer|say|reply) (?:\S+ ){0,3}?(?:with "
            r"|by )?['\"]?(?:ok|okay|yes|understood|got it|i understand|confirmed|ready"
            r"|sure)\b['\"]?\s*(?:[.!]|$|if|to|when|and)"
        ),
    ),
    sign(
        "hypothetical",
        HINT,
        (
            r"\b(?:hypothetical\w*|fictional|fictitious|purely (?:theoretical|fiction)"
            r"|theoretical (?:world|scenario)|in a (?:world|universe|story|game|simulation|dream"
            r"|movie) where|alternate (?:reality|universe)|thought experiment|opposite day"
            r"|in an alternate|let'?s play a game|this is (?:a|just a|only a) (?:game|simulation|test"
            r"|drill))\b"
        ),
    ),
    sign(
        "instead",
        HINT,
        r"\b(?:instead|stattdessen|rather than (?:answer|follow)\w*|not the (?:question|task))\b",
    ),
    sign(
        "next_task",
        LIKELY,
        (
            r"\b(?:well done|good job|great job|excellent|perfect|very good|that'?s (?:done|enough)"
            r"|stop|stopp|now|sehr gut|gut gemacht|das (?:genugt|reicht|ist erledigt)"
            r"|super)[!.,]? .{0,40}?\b(?:new|next|another|further|following|neue\w*|nachste\w*"
            r"|folgende\w*|weitere\w*) (?:great )?(?:tasks?|challenge|question|assignment|job"
            r"|instruction|order|aufgabe|frage|herausforderung)\w*|\b(?:focus|concentrate) on (?:your"
            r"|the) (?:new|next) task"
        ),
    ),
    sign(
        "system_says",
        LIKELY,
        (
            r"\b(?:system|security|policy|protocol|admin|emergency|maintenance|root) (?:override"
            r"|update|notice|alert|command|directive|instruction|message|reset|exception"
            r"|mode)\b ?(?:[:!.\-]|initiated|activated|enabled|engaged|on\b|code)|\bsudo (?!command"
            r"|privile|access|password|user|rights|group|permission|file|apt|yum|systemctl|rm|cp|mv|su"
            r"|nano|vi|docker|service|-)\w+|\bgrant (?:me|yourself) (?:\w+ )?(?:access|permissions?"
            r"|admin|privileges?)"
        ),
    ),
    # --- the same words in harmless use
    sign(
        "about_it",
        HARMLESS,
        (
            r"\b(?:how (?:can|do|could|should|would|to|might|does) (?:i|we|one|you|my|our|a"
            r"|an)?\b.{0,30}\b(?:protect\w*|prevent\w*|defend\w*|detect\w*|guard\w*|mitigat\w*"
            r"|block\w*|stop|avoid\w*|test\w*|secure|harden)|what (?:is|are|does|do) (?:an? "
            r"|the )?(?:term |concept of )?(?:system prompts?|prompt injections?|jailbreak\w*"
            r"|guard ?rails?|system message|developer mode)\b|difference between|explain (?:what|how"
            r"|the (?:term|concept|difference|role|idea))|examples? of (?:prompt injection|jailbreak)"
            r"|(?:test|list|case|cases|examples|report|statistics|how many"
            r"|count) (?:\S+ ){0,4}(?:jailbreak|injection)\w*)\b"
        ),
    ),
)

DOCUMENT_RULES: tuple[InjectionRule, ...] = (
    sign(
        "about_the_answer",
        SURE,
        r"\b(?:your|the (?:next|final|following)) (?:next |final |own |entire |whole |full )?"
        r"(?:repl(?:y|ies)|responses?|answers?|messages?|outputs?|summary|translation|completion|text)\b"
        r"|\b(?:reply|respond|answer)\b (?:only |always |now )?(?:in|with|as|using|to (?:the|this"
        r"|all|every))\b",
    ),
    sign(
        "rewrite_letters",
        SURE,
        r"\b(?:replace|substitut\w*|swap|scrambl\w*|shuffl\w*|jumbl\w*|revers\w*|rearrang\w*"
        r"|misspell|encod\w*|encipher"
        r"|encrypt\w*|convert|anagram|group|combine|remove|omit|translate|render|capitali[sz]e"
        r"|double|rotate|shift|mix)\b"
        r".{0,40}\b(?:letters?|vowels?|consonants?|words?|characters?|spaces|punctuation|alphabet"
        r"|cipher|emojis?|anagrams?)\b",
    ),
    sign(
        "question",
        LIKELY,
        (
            r"^(?:how (?:do|does|can|to|many|much)|what(?:'s| is| are| was)|who|why|when|where|which"
            r"|can you|could you|tell me|is it|do you|should i)\b[^?]{0,400}+\?"
        ),
    ),
    sign(
        "order_to_write",
        LIKELY,
        r"^(?:please )?(?:write|describe|explain|compose|draft|develop|provide|give|tell"
        r"|summari[sz]e|translate|generate"
        r"|create|list|outline|break down|analy[sz]e|compare|recommend|suggest|design|discuss"
        r"|define|invent|imagine"
        r"|calculate|solve|name|make up|craft|produce|prepare|plan|paraphrase|rewrite"
        r"|identify)\b (?:me )?(?:an?|the|how|why|what|some|any|three|five|ten|in|about|\w+ing)\b",
    ),
)
"""More signs, for text that nobody typed as a question: it should not speak to the assistant at all."""
