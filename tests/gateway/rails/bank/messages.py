"""Bank messages as a bank would write them, built as text: not with the code under test."""

from xml.sax.saxutils import escape

NS = "urn:iso:std:iso:20022:tech:xsd:"
HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n"


def entry(
    reference: str = "032202609230000000001",
    amount: str = "500000",
    remittance: str = "M00000042",
    *,
    currency: str = "KRW",
    direction: str = "CRDT",
    status: str = "BOOK",
    reversal: str = "",
    booked: str = "<DtTm>2026-09-23T10:15:00+09:00</DtTm>",
    details: str | None = None,
) -> str:
    ref = f"<AcctSvcrRef>{escape(reference)}</AcctSvcrRef>" if reference else ""
    if details is None:
        details = (
            "<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
            "<RltdPties><Dbtr><Pty><Nm>김동백</Nm></Pty></Dbtr></RltdPties>"
            f"<RmtInf><Ustrd>{escape(remittance)}</Ustrd></RmtInf></TxDtls></NtryDtls>"
        )
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{reversal}'
        f"<Sts><Cd>{status}</Cd></Sts><BookgDt>{booked}</BookgDt>{ref}"
        f"<BkTxCd><Prtry><Cd>TRF</Cd></Prtry></BkTxCd>{details}</Ntry>"
    )


def account(bank: str = "032", number: str = "101-2026-0923-00", currency: str = "KRW") -> str:
    return (
        f"<Acct><Id><Othr><Id>{number}</Id></Othr></Id><Ccy>{currency}</Ccy>"
        f"<Ownr><Nm>부산광역시</Nm></Ownr><Svcr><FinInstnId><ClrSysMmbId><MmbId>{bank}</MmbId>"
        f"</ClrSysMmbId></FinInstnId></Svcr></Acct>"
    )


def camt054(*entries: str, summary: str = "", acct: str | None = None, head: str = HEAD) -> bytes:
    return (
        f'{head}<Document xmlns="{NS}camt.054.001.08"><BkToCstmrDbtCdtNtfctn><GrpHdr>'
        "<MsgId>N-1</MsgId><CreDtTm>2026-09-23T10:15:01+09:00</CreDtTm></GrpHdr>"
        f"<Ntfctn><Id>N-1-1</Id>{acct or account()}{summary}{''.join(entries)}</Ntfctn>"
        "</BkToCstmrDbtCdtNtfctn></Document>"
    ).encode()


def balance(code: str, amount: str, direction: str = "CRDT", day: str = "2026-09-23") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="KRW">{amount}</Amt>'
        f"<CdtDbtInd>{direction}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def camt053(*entries: str, balances: str, summary: str = "", page: str = "") -> bytes:
    return (
        f'{HEAD}<Document xmlns="{NS}camt.053.001.08"><BkToCstmrStmt><GrpHdr>'
        "<MsgId>S-1</MsgId><CreDtTm>2026-09-24T01:00:00+09:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>S-20260923</Id>{page}{account()}{balances}{summary}{''.join(entries)}</Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()


def reason(code: str, text: str = "") -> str:
    more = f"<AddtlInf>{text}</AddtlInf>" if text else ""
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn>{more}</StsRsnInf>"


def transaction(reference: str, status: str, reasons: str = "") -> str:
    said = f"<TxSts>{status}</TxSts>" if status else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId>{said}{reasons}</TxInfAndSts>"


def pain002(
    *transactions: str,
    group: str = "",
    payment: str = "",
    counts: str = "",
    original: str = "pain.001.001.09",
) -> bytes:
    part = (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P-1</OrgnlPmtInfId>{payment}{''.join(transactions)}"
        "</OrgnlPmtInfAndSts>"
        if transactions or payment
        else ""
    )
    return (
        f'{HEAD}<Document xmlns="{NS}pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>R-1</MsgId>'
        "<CreDtTm>2026-09-28T09:00:05+09:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts>"
        f"<OrgnlMsgId>BUSAN-20260928-01</OrgnlMsgId><OrgnlMsgNmId>{original}</OrgnlMsgNmId>"
        f"{group}{counts}</OrgnlGrpInfAndSts>{part}</CstmrPmtStsRpt></Document>"
    ).encode()
