//! What people write, and what is flagged about it: nothing.

use super::*;

/// Ordinary sentences, with the names, numbers, addresses and signs that stand in them.
const ORDINARY: &[(&str, &[&str])] = &[
    (
        "German",
        &[
            "Sehr geehrte Frau Groß,\n\nanbei die Übersicht für März – wie besprochen. Rückfragen bitte an jörg.müller@example.de.\n\nViele Grüße",
            "Die Lieferung (3 × 25 kg, ca. 1.250 €) kommt „spätestens“ am 12.–14.06. zwischen 9–17 Uhr … Danke!",
            "Wie geht’s? Ich hab´s auf https://example.de/straße?id=5 gefunden; Maße: 10 µm, 4,7 kΩ, 5 kHz, −3 °C, H₂O, 1’000 CHF.",
            "E‑Mail an die Max‑Planck‑Straße 12, z. B. über GitHub, WhatsApp oder Müller & Söhne GmbH (USt‑ID DE123456789).",
            "Das sind z.\u{A0}B. 10\u{A0}km und 5\u{A0}%.",
            "Der Winkel α und die Dichte ρ hängen von Δt ab.",
        ],
    ),
    (
        "Russian",
        &[
            "Добрый день! Отправляю отчёт за март, он с приложением. Если что не так — напишите мне на anna@example.ru.",
            "Он с ней",
            "О нас и о рисе: рост цен, сор и роса. А у нас всё хорошо, и т.д. и т.п.",
            "А.С. Пушкин жил на ул. Мойка, д. 12а, кв. 5; до дачи 5 км, скорость 60 км/ч, цена 100р. за 20х30 см.",
            "Интеграция Slack с GitHub готова: см. https://example.com/docs и а/я 15, р/с 40702810, № 7.",
            "Вера, Сара и ООО «Ромашка» ждут СМС. Выброс СО2 вырос на 3%.",
            "Класс 5б, 3х комнатная, 80е годы — и IT-отдел с USB-портом, PDF-файл, Wi-Fi.",
        ],
    ),
    (
        "Ukrainian",
        &["Привіт! У п’ятницю о 10:00 зустріч, є час і місце. Ціна 250 грн, сік і сир у Сергія.", "Я і ти, ось їх авто."],
    ),
    ("Serbian", &["Ја сам овде, а она је у Београду са оцем."]),
    (
        "Japanese",
        &[
            "お世話になっております。株式会社山田の佐藤です。ＮＨＫの資料を１０時までに送ります。",
            "東京Tower 3階、〇〇さんへ。β版をGitHubで公開しました：https://example.com/をご覧ください。",
            "電話：０３－１２３４－５６７８　メール：info@example.co.jp（担当：鈴木）",
            "山田　太郎　様\n\n　第Ⅱ章の『コーヒー・メーカー』を確認してください。TEL：03-1234-5678、10〜12時、14：00から。",
            "ＡＢＣ社はPDFを3,000円で販売、詳細は（https://example.com）へ。α波も。",
        ],
    ),
    ("Chinese", &["您好，请在12月5日之前把报告发到bob@example.com，谢谢！", "价格：１００元（含税），用GitHub登录。"]),
    ("Korean", &["안녕하세요, GitHub에서 PDF를 받아 3월 5일까지 보내 주세요. ㅋㅋ ㅇㅇ 네.", "서울Tower 3층, β버전을 확인."]),
    (
        "Greek",
        &[
            "Καλημέρα, το αρχείο είναι έτοιμο και ο Νίκος το έστειλε στο nikos@example.gr.",
            "Αν όχι, οι τιμές είναι 5 € ή 10 €· δείτε το https://example.gr/.",
        ],
    ),
    (
        "French",
        &[
            "Chère sœur, le cœur du problème n’est pas là : voici l’œuvre « complète » !",
            "Ça coûte 1\u{202F}€ ; d’accord\u{A0}?",
        ],
    ),
    ("Polish", &["Cześć, Łukasz wysłał żółty plik na adres łódź@example.pl o 10:30."]),
    ("Danish", &["Jeg har læst det, og det er en god idé at være her."]),
    ("Icelandic", &["Það var gott að sjá þig, þar sem þau eru."]),
    (
        "Turkish",
        &["Merhaba, yarın sabah 10'da toplantı var mı? İstanbul, Kadıköy.", "Yarın gel", "Fiyatı 5 lira, kapıda ödenir."],
    ),
    ("Vietnamese", &["Chào anh, đường Nguyễn Huệ, quận 1. Ngày mai gửi báo cáo cho tôi nhé.", "Vie\u{302}\u{323}t Nam"]),
    ("Spanish", &["¿Cómo está? Vivo en el 3.º piso, nº 5; la 1.ª vez costó 10 €."]),
    ("Hindi", &["नमस्ते, कृपया यह रिपोर्ट 5 मार्च तक bob@example.com पर भेजें।", "चीज़ों और मेज़ें GitHub पर हैं। क्\u{200D}ष"]),
    ("Thai", &["สวัสดีครับ กรุณาส่งไฟล์PDFให้ผมภายในวันที่ 5 มีนาคม ที่ GitHub น้ำ ปั๊ม"]),
    ("Armenian", &["Բարև, ես այսօր գալիս եմ։ Տես ուսը."]),
    ("Georgian", &["გამარჯობა, ხვალ ვნახავთ ერთმანეთს."]),
    ("emoji", &["Danke! 👍 ❤️ 👨‍👩‍👧 ✌🏽 1️⃣ ☎️ ❤️‍🔥 🇩🇪"]),
];

const RIGHT_TO_LEFT: &[&str] = &[
    "שלום, מה שלומך היום? הקובץ נשלח ל-bob@example.com.",
    "הורדתי את הPDF מGitHub, סוס ו-5 פילים.",
    "مرحبا، أرسلت التقرير إلى bob@example.com في 5 مارس.",
    "هل هو ها هنا؟ نعم، على GitHub.",
    "می\u{200C}خواهم فردا بیایم.",
];

#[test]
fn ordinary_text_raises_nothing() {
    for (language, texts) in ORDINARY {
        for text in *texts {
            assert_eq!(flags(text), Flags::NONE, "{language}: {text}");
        }
    }
    for text in RIGHT_TO_LEFT {
        raises(text, [Rtl]);
    }
}
