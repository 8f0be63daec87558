"""Files of other versions load right or end in a clear error, never silently wrong."""

import base64
import copy
import pickle
import zlib

import pytest
from sklearn.base import clone

from cr_sklearn import ChainzRuleClassifier

# Pickles of the version before there were folders: fitted to eight rows, and unfitted.
EARLIER = {
    "classifier": (
        "c-"
        "oCs&5I*N6i?<OiAkK9jpLxJClTF2927+qgcXAf7zwg?U5o1Kmvk}RRZUfOVxkLrSl2+|Wy*tl@aEOC`y"
        "cpktcVv6diJ2c>h5fMF_W1(bW&CC<M(?X^}gKs?uS+_U-pP8qR(QWN}LcDQ?2=kgL3w;A5kvmx3U=etK"
        ")Nb{FS@oZrEPL!w>|C=?u^UpM!SCwh_Wu0l2}oeKJ%qCfX<vV-va4n-9MC>%QG$6F0P-"
        "N7poQc86w0I@_kq@Ch|s3f!bJo(Y+78avw+1hnA^HBxCesM}UTKO@{AB;2$EYFLz`a8cX#aynd$iJ}Gw"
        "7u=wKH-C8g)8Xf~I|V+D3<-"
        "hJnLDkO%QizLQ<<5{(H`1~XNXd!DVlQ&`_zQSJj@Z2k@9d6>WbTe$T1Ni35%#0V<g&k+sGJYuD|u`AJ6"
        "w+wcR|*q(Fg@IAjQNEEQ)oCL^FGQy5Fz9x0iS(9BYBwjoHs1ro2>-ij+p6@;7_&lw{>;S5E$S(-"
        "V!TPWg1S5Xn7C2i1+H_)C^m2Z_nLd^-"
        "NK<fNvPdxIEK_hvXbFjE~_DEz&I>RE73Qm$NHk>Mj5wu;RfJuS5%n-"
        "{tI?pAYZHllEIY;YvUB4c<d+wIIF{lr=?z-sZB}!D;;%~dfH^uF?t-"
        "tGr!{LYj;>tgRnsLFRf3QqUz5I1}Y}<ruj5cx*$frd>Fd60*TrKVV)aTIdeL{mQrs{)IZduaNGtslr^+"
        "7Fq0eSCxo0Yt{=%wh`lZakfQmEtRHM<qOUIqTeTHy5p=`~+-"
        "=ovzS5dyS)f!Q|}{Z_5YahGHo!mCR6h?WUpw_x59j;)Kd|F2prR7+?jpj81})!DVu!$!@*SM;e@XfhDK"
        "M=lQOs8S2jo9hBvLg>DiLuhDB5nN=@p!l~tzs!I9xmk#JmWlOP?>O60m=dBR|MmO*C8Ho?XJCpmF0j-"
        "5>q8Qt;v$Zw<k(O&Nqy5iU9G{C1A{5YX0!VrFaLkU1>UZz5G&9&wagTQ%Ocr`<#c@@AH$NR>E%+pSE1E"
        "nGR_ild5VkYMPG)WOnHd2VYAaV8UsiLXuVl7Ls?O_f9PMYtWYi{kls)p_w(ob!Ogrp_8uEtr1HAAhyXK"
        "{>MWmtyG+7JyW99wb6?O5QscL4+zjep7mli(L+um#jHkq#S+6vx-"
        "z(I5zrFa}!?`Q)9jxXeSwe_9QP=JzkOY|NVzO-FTY&g0x0l&YEO8#OOii%jZX@5{Pu~CM?|1&B<&a+8E"
        "a6joRGEWS^&vj`#R&A%qeIFKjbps(=5bP4YJ7eczD%%9V!*2dB2#>@aHy$rQVp}<<Ujo^M`Q"
    ),
    "ordinal": (
        "c-"
        "oCt&5s*36i@am*=)#W)6zrvx*)L?5WxY|N=S=Xp_K><XvMX%JRT>uGGmWyPeKBfx`$F$vbd}{&^uSo^g"
        "rO=C_-"
        "E~z?lQ^JTqx#MUve)Ovd*6_`TnI&o2+RzCYNlWRJZ;6w;%JVkNprs*npDIeYt<VJ>E;X+%HE_fF|hQLU"
        "wN7w*oPd*BXjhw(6^0!4UA!3dvG?e5sEh>MZ4+mRe{<7|UqLx)mvIJ8?hHPYE;qG-s8K?>|UyA#6-3-"
        "}1V6Y6@K_JvT<A<{-sF*MAb96kNPKTqri8N0sSdwz^#$98Q46T`>Ya0zA_iHxQ~#@t8J6o_iWV{D|-"
        "u2;477=MYlp~^2B0XBqX*u9xf#se2aqyRPI0wOp$a<gYAKi&MwHYb!1nL!~Xc<N3n#baxsl8H=BX{!Zx"
        "qA38BNdo5FxxF#Q5f3wjXrMe?fVv2)Eiz0<NJJPGLm;7HH;s%y=Jxx){_*nh+qOv}tToC}00}qe)Dj$_"
        "0mUX&p5(?r$ry!Zns{yn3b=s4E4H(U6%`5aF$3viPC#^%Bq`)ASA>J6!XgAq+JGBxpfSNJTPgzq)y7l>"
        "QfDVE@!UU<hCH)-i@YOeZ;3Qcrd>p&qTM)+497|ViMELpB~m~pQ-"
        "E^;{xeBuYa+}=F2KPfcU%qJV|VHfd)3~?BgfvF0|k{0e%GCUo1bpl>Ibgh?|<?yJlU&PF)lbiZqIX5Eq"
        ")zr+j>T+hsfS!UGIp!Q+9KAmEtza%AD0~191&G111EpQb$w}8A5eIdP<#@?fOcvtuJtpMp%7Z$j#e{y~"
        "18)uk|YI4PbBI+bm^w3A`#S-"
        "m@FQyXDxwUK)Ef$9&)`7d+Dt0m&3BuP_Ty*DIH!O*IX#E8Rg_#uR!Ec#XN%KJ5RiR&vz>S^;QLM%Q(AP"
        "<U9YnfqcRuTUdY_)c3*>7Z0j?A|g$3kb~*GYC5xQbbo7JOlCXwtkuY_;W22XNM1*-"
        "BXYTq?vz1^6maSiXbH;YVtiUphx|^g<^`us<_UIxONnd6W?numg_Fzl+X!>Hnsbo&%ZzA0!|l|2UTZlT"
        "BeH7tJvF#<YYN{m$0Nsa<$a<b;7C>8KtqfI<5J|q_4t{COm|JvfgO}j8U2h7<lU?Q;-"
        "!!%ZL8nOLOIXZ0R*6@g%$WpB`lu)Veh7P-"
        "!mIk)UQG)hL^|+eFfVcK6|u=e~#uO^jbIanq}QlRGM!<)L?k?XDj21bH*dm3r03xmxG9*I#-"
        "zb2+~DVxpos1lDE;wiVMjfK2BzX<fWIioY^@sojetOfr(HF;v`ri1+vINB{hN?@wGz_QlD(*|EJ<nxJL"
        "%KFo@IcxH146$>0iaMa9rQfXp*e$IWFK%2n7j=pUpnZP9l<4_eduAc_o{{U)vZ;S"
    ),
    "unfitted": (
        "c-"
        "l>nzi!k(5XMirK!Q0CI!+XbA|({0q)l<f6(>>f0;{>*IeWx<*IJJqd<Y2|B&6wB3i1%?c^qhY3C0d0Og"
        "I03-"
        "}mwO+u~?8g*>szv~N8^3g^apXj|G7rYx&<1r!c%I*;qy^4I+0Q~r>j%d#TpFc=R5>IFJro404%v(H)XI"
        "xG`n-"
        "p=KLOIVtg6NZwjEXUAs%yMM={95k+YeJo?ds2X9>VYYSEJYLj5MoW>vn+zamZ=7gN#C5xX$|iTu>y^IJ"
        "78N)3}d>S#84<r0!BlDIBzcU;pgUh^<Ea2NM*&wp@kuDW`9FYT#8NX_`lLaz2gT3j7_8G@)vpBgC{o;n"
        "td8^6?Jp*<NFv_@+eG9CPZT^2&Gz3$eg3snWwLQ{eHH7DT~Qtb3>sftgJ$oF_8st_6Xc1byA9binVb(G"
        "^mCKv!gHxU*2jpO+rVON6l(^PgY0gw&}9mxmnc4B0+F^sbzhm?}|%EQ<hluob;G>u~p7lw>$p>wP(!w"
    ),
}


@pytest.mark.parametrize("name", EARLIER)
def test_models_of_the_version_before_say_what_to_do(name):
    """Their encoding and their parameters are other ones."""
    content = zlib.decompress(base64.b85decode(EARLIER[name]))
    with pytest.raises((ImportError, ValueError), match=r"saved by an.*fit it again"):
        pickle.loads(content)


def test_a_stamp_of_another_format_is_refused(moons):
    """A later version may keep other arrays under the same names."""
    model = ChainzRuleClassifier((), max_iter=1, dreg_strength=0.1).fit(*moons)
    state = model.__getstate__()
    with pytest.raises(ValueError, match=r"in format 99, where .* reads"):
        ChainzRuleClassifier().__setstate__({**state, "_format": 99})


@pytest.mark.parametrize(
    "duplicate", [clone, copy.copy, copy.deepcopy], ids=["clone", "copy", "deepcopy"]
)
def test_the_stamp_is_no_attribute(duplicate):
    """Copies and clones go through the same door as files."""
    model = duplicate(ChainzRuleClassifier(degree=2))
    assert model.degree == 2
    assert "_format" not in vars(model)
