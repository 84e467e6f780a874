"""Whether a text is clearly not English: a light check, so that a model of English words does not misread it.

It knows the commonest small words of a few languages, and counts. Short texts without any pass as English.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_LATIN_END = 0x250
"""Letters before this are Latin; those of English are before 0x80."""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_ENGLISH = _words(
    "the and of to that is was for with this it you are not have be but they i we my your what there his "
    "her she he from would can if all were when will had has been just out about which their so don't "
    "it's i'm do did does got how get very really why who than then after too only any some our us its "
    "isn't can't didn't doesn't won't that's you're i've because could should am by men "
    "star into over more most no one a an in on at as me or "
    "no"
)

_OTHERS = {
    "German": _words(
        "der die das und ist nicht ich sie mit auf ein eine einen dem den zu für von wir aber auch sich war "
        "sehr wie noch nur habe haben wurde kann es im bei mein meine ihr dass keine kein sind"
    ),
    "French": _words(
        "le la les des et est pas je vous que qui dans une un pour sur avec ce cette sont mais nous très été "
        "plus votre mon ma mes ne du au aux c'est j'ai n'est qu'il il elle bien tout"
    ),
    "Spanish": _words(
        "el los las que es no una un por con para muy pero del lo se mi su está más como todo yo me ha he "
        "sin al esta este también cuando la de en"
    ),
    "Portuguese": _words(
        "os as que não uma um por com para muito mas do da dos das em é se meu minha seu está mais como eu "
        "foi ao também você na ele isso"
    ),
    "Italian": _words(
        "il lo gli che non una un per con molto ma del della di è sono mi si questo questa più come ho anche "
        "ha nel alla le la dei"
    ),
    "Dutch": _words(
        "het een en niet ik je met op van voor is zijn maar ook naar heel was wel deze dit heb heeft geen "
        "mijn uw er te dat bij nog ze wij de"
    ),
    "Swedish": _words(
        "och att det är inte jag en ett som för på med har av den till var så men om vi mycket min kan ni"
    ),
    "Danish and Norwegian": _words(
        "og det er ikke jeg en et som for på med har av af den til var så men om vi meget veldig min kan de"
    ),
    "Polish": _words("nie jest się na to że do jak ale co za od po tak mi dla czy bardzo był było jestem są"),
    "Turkish": _words("bir ve bu çok için ama ne değil da de mi gibi kadar olarak daha ben var yok"),
    "Indonesian": _words(
        "yang dan di ini itu tidak saya untuk dengan ada dari ke sangat bisa juga akan sudah tapi"
    ),
    "Romanian": _words("și este nu cu pe la un o de că mai foarte sunt dar am din pentru care în"),
    "Czech": _words("je se na to v že s a ale jsem není velmi jako za mi si jsou by do"),
    "Hungarian": _words("a az és nem hogy egy is van de nagyon volt már csak ez meg"),
    "Finnish": _words("ja on ei se että oli en mutta hyvin ole kun niin myös minä tämä"),
}


_FOREIGN = {language: words - _ENGLISH for language, words in _OTHERS.items()}


def is_clearly_not_english(text: str) -> bool:
    """True for other scripts, and where more small words of another language stand than of English."""
    letters = [letter for letter in text if letter.isalpha()]
    if 2 * sum(ord(letter) >= _LATIN_END for letter in letters) > len(letters):
        return True
    words = set(_WORD.findall(text.lower().replace("’", "'")))
    english = len(words & _ENGLISH)
    foreign = max(len(words & others) for others in _FOREIGN.values())
    accented = sum(not word.isascii() for word in words)
    return (foreign >= 2 and foreign > english) or (english == 0 and foreign + 2 * accented >= 3)
