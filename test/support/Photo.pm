package Photo;

# Pictures for tests that need one and have none: no file, no library, the same bytes every time.

use strict;
use warnings;
use Compress::Zlib qw(compress crc32);
use MIME::Base64 qw(decode_base64);

# A PNG photograph of a kind: an elliptical thing of one colour, shaded, on a plain light ground.
# Options: width, height (240), colour ([160, 90, 40]), padding (so many bytes more, in chunks that no reader looks at).
sub png
{
    my (%options) = @_;
    my ($width, $height) = ($options{width} // 240, $options{height} // 240);
    my @colour = @{ $options{colour} // [ 160, 90, 40 ] };
    my $rows = '';
    for my $y (0 .. $height - 1)
    {
        $rows .= "\0";
        for my $x (0 .. $width - 1)
        {
            my ($u, $v) = (2.6 * $x / $width - 1.3, 2.6 * $y / $height - 1.3);
            my $light = 1 - 0.4 * ($u + $v);
            my @pixel = $u * $u + $v * $v < 0.8 ? map { my $c = $_ * $light; $c > 255 ? 255 : int $c } @colour : (245, 245, 244);
            $rows .= pack 'C3', @pixel;
        }
    }
    my $chunk = sub { my ($type, $data) = @_; return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data)) };
    my $padding = $options{padding} // 0;
    my $filler = '';
    for (; $padding > 0; $padding -= 1_000_000)
    {
        my $length = $padding < 1_000_000 ? $padding : 1_000_000;
        $filler .= $chunk->('paDd', 'x' x $length);
    }
    return "\x89PNG\r\n\x1a\n"
      . $chunk->('IHDR', pack('NNC5', $width, $height, 8, 2, 0, 0, 0))
      . $filler
      . $chunk->('IDAT', compress($rows))
      . $chunk->('IEND', '');
}

# 64 x 64 pixels of grey in HEIC, written by libheif 1.15.
sub heic
{
    return decode_base64(<<'END');
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUJtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAA
AAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFmAAEAAAAAAAAAEAAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEAAAAAwmlwcnAAAACk
aXBjbwAAAHhodmNDAQNwAAAAAAAAAAAAHvAA/P34+AAADwMgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQCEAAQArQgEBA3AAAAMAkAAAAwAA
AwAeoCCBBZbqSSmubgQEDAgAAAMACAAAAwAIQCIAAQAHRAHBcrAiQAAAABRpc3BlAAAAAAAAAEAAAABAAAAAEHBpeGkAAAAAAwgICAAAABZpcG1h
AAAAAAAAAAEAAQOBAoMAAAAYbWRhdAAAAAwoAa8TgObOw+Egq64=
END
}

1;
