"""Who lives and trades in the demo city. The same cast every time: drawn from a fixed seed."""

from __future__ import annotations

import random
from typing import Final

from gateway.demo.people import Citizen, Device, Merchant
from gateway.demo.world import World

CITIZENS: Final = 1_000
MERCHANTS: Final = 50
SEED: Final = 20260923

_FAMILIES = [
    "Kim",
    "Lee",
    "Park",
    "Choi",
    "Jung",
    "Kang",
    "Cho",
    "Yoon",
    "Jang",
    "Lim",
    "Han",
    "Oh",
    "Seo",
    "Shin",
    "Kwon",
    "Hwang",
    "Ahn",
    "Song",
    "Yoo",
    "Hong",
]
_GIVEN = [
    "Haneul",
    "Minjun",
    "Seoyeon",
    "Jiho",
    "Yuna",
    "Doyun",
    "Sua",
    "Eunwoo",
    "Jia",
    "Hajun",
    "Chaewon",
    "Siwoo",
    "Dahye",
    "Junseo",
    "Nari",
    "Taeyang",
    "Bora",
    "Jihun",
    "Mina",
    "Sungho",
    "Areum",
    "Dongha",
    "Yejin",
    "Woojin",
    "Somin",
    "Kyungsoo",
    "Misook",
    "Youngja",
    "Sangwoo",
    "Eunji",
]
_PINS = ("271828", "161803", "141421", "173205", "314159", "577215")

# name, Korean name, MCC, district, yearly sales in won
_NAMED: Final = (
    ("Dongbaek Diner", "동백식당", "5812", 9, 320_000_000),
    ("Haeundae Bakery", "해운대빵집", "5462", 9, 780_000_000),
    ("Jagalchi Fish", "자갈치수산", "5422", 1, 950_000_000),
    ("Nampo Pharmacy", "남포약국", "5912", 1, 1_400_000_000),
    ("Gwangalli Books", "광안리서점", "5942", 14, 210_000_000),
    ("Seomyeon Hair", "서면미용실", "7230", 5, 160_000_000),
    ("Oncheon Market", "온천마트", "5411", 6, 2_800_000_000),
    ("Centum Hypermarket", "센텀대형마트", "5300", 9, 95_000_000_000),
    ("Busan Furniture", "부산가구", "5712", 10, 8_400_000_000),
    ("Taejongdae Coffee", "태종대커피", "5814", 4, 120_000_000),
)
_TRADES: Final = (
    ("Kitchen", "식당", "5812"),
    ("Bakery", "빵집", "5462"),
    ("Greengrocer", "청과", "5451"),
    ("Pharmacy", "약국", "5912"),
    ("Stationery", "문구", "5943"),
    ("Laundry", "세탁소", "7211"),
    ("Flowers", "꽃집", "5992"),
    ("Butcher", "정육점", "5422"),
)
_PLACES: Final = (
    ("Jung", "중앙", 1), ("Songdo", "송도", 2), ("Choryang", "초량", 3), ("Yeongdo", "영도", 4),
    ("Bujeon", "부전", 5), ("Dongnae", "동래", 6), ("Daeyeon", "대연", 7), ("Gupo", "구포", 8),
    ("Songjeong", "송정", 9), ("Dadaepo", "다대포", 10), ("Geumjeong", "금정", 11), ("Gangseo", "강서", 12),
    ("Yeonsan", "연산", 13), ("Suyeong", "수영", 14), ("Sasang", "사상", 15), ("Gijang", "기장", 16),
)  # fmt: skip


def citizens(world: World) -> list[Citizen]:
    """The thousand, the first of them by name in the story."""
    draw = random.Random(SEED)
    made = []
    for number in range(CITIZENS):
        name = f"{draw.choice(_FAMILIES)} {draw.choice(_GIVEN)}"
        made.append(
            Citizen(
                name=("Kim Haneul", "Lee Minjun", "Park Youngja", "Choi Sua", "Jung Taeyang")[number]
                if number < 5
                else name,
                phone=f"010{40_000_000 + number * 37:08d}",
                pin=draw.choice(_PINS),
                district=draw.randint(1, 16),
                device=Device(world, number + 1),
                household=draw.choices((1, 2, 3, 4), (35, 29, 19, 17))[0],
                bank_account=f"112-2026-{number:04d}-01",
            )
        )
    return made


def merchants(world: World) -> list[Merchant]:
    """The fifty shops, ten of them by name."""
    draw = random.Random(SEED + 1)
    shops = list(_NAMED)
    while len(shops) < MERCHANTS:
        number = len(shops)
        place, place_ko, district = _PLACES[number % len(_PLACES)]
        trade, trade_ko, mcc = _TRADES[number % len(_TRADES)]
        if any(shop[0] == f"{place} {trade}" for shop in shops):
            trade, trade_ko = f"{trade} {number}", f"{trade_ko}{number}"
        sales = draw.choice((90, 150, 240, 600, 880, 1_500, 2_600)) * 1_000_000
        shops.append((f"{place} {trade}", f"{place_ko}{trade_ko}", mcc, district, sales))
    return [
        Merchant(
            name=name,
            name_ko=name_ko,
            business_number=_business_number(number),
            mcc=mcc,
            district=district,
            yearly_sales=sales,
            bank_account=f"301-2026-{number:04d}-07",
            device=Device(world, 40_000 + number),
        )
        for number, (name, name_ko, mcc, district, sales) in enumerate(shops)
    ]


def _business_number(number: int) -> str:
    """A business registration number with its check digit (weights 1 3 7 1 3 7 1 3 5)."""
    nine = f"{601 + number % 20:03d}{81 + number % 7:02d}{10_00 + number * 7:04d}"
    digits = [int(digit) for digit in nine]
    weighted = sum(d * w for d, w in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True))
    return nine + str(-(weighted + digits[8] * 5 // 10) % 10)
